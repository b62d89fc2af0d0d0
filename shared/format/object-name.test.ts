import { expect, it } from 'vitest'
import { isObjectName, parseObjectName, renditionName } from './object-name.ts'

const set = 'AAAAAAAAAAAAAAAAAAAAAA'

it.each([
  'original',
  'thumb',
  `r/${set}/master-1.m3u8`,
  `r/${set}/720p/00001.m4s`,
  `r/${set}/poster`,
  `r/${set}/captions-en.vtt`,
])('takes %s', (name) => expect(parseObjectName(name)).toBe(name))

it.each([
  ['nothing', ''],
  ['a foreign word', 'other'],
  ['another case', 'Original'],
  ['an absolute path', '/original'],
  ['a folder', 'original/'],
  ['a way up', `r/${set}/../original`],
  ['a way up at the end', `r/${set}/..`],
  ['a hidden file', `r/${set}/.x`],
  ['itself', `r/${set}/./x`],
  ['an empty part', `r/${set}//x`],
  ['a set alone', `r/${set}`],
  ['a set with nothing', `r/${set}/`],
  ['a short set', 'r/AAAA/x'],
  ['too deep a path', `r/${set}/a/b/c/d`],
  ['an encoded way up', `r/${set}/%2e%2e/x`],
  ['a backslash', `r/${set}/..\\x`],
  ['a NUL', `r/${set}/a\0`],
  ['a line after it', 'original\n'],
  ['a letter outside ASCII', `r/${set}/català.vtt`],
  ['a query', `r/${set}/a?b`],
  ['too long a name', `r/${set}/${'a'.repeat(200)}`],
])('refuses %s', (_, name) => {
  expect(isObjectName(name)).toBe(false)
  expect(() => parseObjectName(name)).toThrow('object name')
})

it('builds names of a set, and no others', () => {
  expect(renditionName(set, '720p/init.mp4')).toBe(`r/${set}/720p/init.mp4`)
  expect(() => renditionName(set, '../thumb')).toThrow('object name')
  expect(() => renditionName('..', 'x')).toThrow('object name')
})
