import { expect, it } from 'vitest'
import { findCanaries } from './canaries.ts'

const text = 'Kanarienvögel-1f3a'
const canaries = [{ what: 'title', text }]
const raw = Buffer.from(text)

it.each([
  ['raw', raw],
  ['Latin-1', Buffer.from(text, 'latin1')],
  ['UTF-16LE', Buffer.from(text, 'utf16le')],
  ['UTF-16BE', Buffer.from(text, 'utf16le').swap16()],
  ['hex', Buffer.from(raw.toString('hex'))],
  ['HEX', Buffer.from(raw.toString('hex').toUpperCase())],
  ['percent', Buffer.from(encodeURIComponent(text))],
  ...['', 'a', 'ab', 'abc', 'abcd'].flatMap((before): [string, Buffer][] => [
    [`base64 after ${before.length}`, Buffer.from(Buffer.from(`${before}${text}zz`).toString('base64'))],
    [`base64url after ${before.length}`, Buffer.from(Buffer.from(`${before}${text}z`).toString('base64url'))],
    [`base64 at the end after ${before.length}`, Buffer.from(Buffer.from(before + text).toString('base64'))],
  ]),
])('finds a canary in %s', (_, haystack) => {
  expect(findCanaries('here', Buffer.concat([Buffer.from([0, 1]), haystack, Buffer.from([2])]), canaries)).not.toEqual(
    [],
  )
})

it('finds nothing where there is nothing', () => {
  expect(findCanaries('here', Buffer.from('Kanarienvogel'), canaries)).toEqual([])
})
