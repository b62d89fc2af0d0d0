import { expect, it } from 'vitest'
import { turnsOfTabs } from './turns-of-tabs.ts'

it('are taken one after the other, in the order in which they were asked for', async () => {
  const turns = turnsOfTabs()
  const said: string[] = []
  const first = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const one = turns(async () => {
    begun.resolve()
    await first.promise
    said.push('one')
  })
  const two = turns(async () => {
    said.push('two')
    throw new Error('no')
  })
  const three = turns(async () => void said.push('three'))
  await begun.promise
  first.resolve()
  await one
  await expect(two).rejects.toThrow('no')
  await three
  expect(said).toEqual(['one', 'two', 'three'])
})

it('are not waited for without end where a tab was put to sleep in the middle of one', async () => {
  const sleeping = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const asleep = turnsOfTabs()(async () => {
    begun.resolve()
    await sleeping.promise
  })
  await begun.promise
  let runs = 0
  await turnsOfTabs(20)(async () => void runs++)
  expect(runs).toBe(1)
  sleeping.resolve()
  await asleep
})
