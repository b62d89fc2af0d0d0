import { expect, it } from 'vitest'
import { ID_BYTES, idBytes, idFromBytes, isId, parseMediaId } from './ids.ts'

it('are 16 bytes in one form', () => {
  for (let i = 0; i < 200; i++) {
    const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES))
    expect(idBytes(parseMediaId(idFromBytes(bytes)))).toEqual(bytes)
  }
})

it.each([
  ['too short', 'AAAAAAAAAAAAAAAAAAAAA'],
  ['too long', 'AAAAAAAAAAAAAAAAAAAAAAA'],
  ['with stray bits', 'AAAAAAAAAAAAAAAAAAAAAB'],
  ['padded', 'AAAAAAAAAAAAAAAAAAAAA='],
  ['with a line after it', 'AAAAAAAAAAAAAAAAAAAAAA\n'],
  ['of plain base64', 'AAAAAAAAAAAAAAAAAAAA+A'],
  ['empty', ''],
])('refuses one %s', (_, text) => {
  expect(isId(text)).toBe(false)
  expect(() => parseMediaId(text)).toThrow('media id')
})

it.each([0, 15, 17])('refuses %i bytes', (length) => expect(() => idFromBytes(new Uint8Array(length))).toThrow('id'))
