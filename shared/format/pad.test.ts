import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pad, unpad } from './pad.ts'
import { padme } from './padme.ts'

const to256 = (length: number) => Math.ceil(length / 256) * 256

it('gives back what went in, whatever it ends with', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.constantFrom(to256, padme), (plain, lengthOf) => {
      const padded = pad(plain, lengthOf)
      expect(padded.length).toBe(lengthOf(plain.length + 1))
      expect([...unpad(padded)]).toEqual([...plain])
    }),
  )
})

it.each([
  ['nothing', new Uint8Array(0)],
  ['zeros alone', new Uint8Array(256)],
  ['another mark', new Uint8Array([1, 2, 0x81, 0])],
])('refuses %s', (_, padded) => {
  expect(() => unpad(padded)).toThrow('padding')
})
