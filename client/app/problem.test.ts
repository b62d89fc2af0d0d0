import { expect, it } from 'vitest'
import { sentenceForCode } from './messages.ts'
import { sayProblem } from './problem.ts'
import { Toasts } from './toasts.ts'

it.each([
  ['?problem=share/too-large', [sentenceForCode('share/too-large')]],
  ['?problem=auth/removed', []], // anybody can make a link: it says nothing of the account
  ['?problem=<b>pay</b>', []],
  ['', []],
])('of an address with %j it says %j', (search, said) => {
  const toasts = new Toasts()
  sayProblem(toasts, { search })
  expect(toasts.shown.value.map(({ text }) => text)).toEqual(said)
})
