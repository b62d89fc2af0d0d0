import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import { utf8 } from './bytes.ts'

// RFC 4648 §10, without padding.
it.each([
  ['', ''],
  ['f', 'Zg'],
  ['fo', 'Zm8'],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg'],
  ['fooba', 'Zm9vYmE'],
  ['foobar', 'Zm9vYmFy'],
])('%j is %j', (text, encoded) => {
  expect(toBase64Url(utf8(text))).toBe(encoded)
  expect(fromBase64Url(encoded)).toEqual(utf8(text))
})

it('agrees with the platform on any bytes', () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
      const text = toBase64Url(data)
      expect(text).toBe(Buffer.from(data).toString('base64url'))
      expect(fromBase64Url(text)).toEqual(new Uint8Array(data))
    }),
  ))

it('has one text for each byte string', () =>
  fc.assert(
    fc.property(fc.string({ maxLength: 12, unit: fc.constantFrom(...'ABCZabcz019-_=+/ é') }), (text) => {
      let bytes: Uint8Array
      try {
        bytes = fromBase64Url(text)
      } catch {
        return
      }
      expect(toBase64Url(bytes)).toBe(text)
    }),
    { numRuns: 2000 },
  ))

it.each(['Zg==', 'Zh', 'Zm9', 'A', 'Zm9vY', '+A', '/A', 'Z g', 'Zé', 'Z\0', 'ＡＡ'])('refuses %j', (text) =>
  expect(() => fromBase64Url(text)).toThrow('base64url'),
)
