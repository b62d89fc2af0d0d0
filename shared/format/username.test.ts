import { expect, it } from 'vitest'
import { parseUsername } from './username.ts'

it.each([
  ['anna', 'anna'],
  [' Anna ', 'anna'],
  ['ＡＮＮＡ', 'anna'],
  ['a_.-9', 'a_.-9'],
])('%s is %s', (typed, name) => expect(parseUsername(typed)).toBe(name))

it.each(['', 'ab', 'a b', 'änna', 'anna\u0000', 'a'.repeat(33), 'аnna'])('%j is no name', (typed) =>
  expect(() => parseUsername(typed)).toThrow('user name'),
)
