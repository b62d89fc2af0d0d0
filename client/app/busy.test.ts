import { expect, it } from 'vitest'
import { Busy } from './busy.ts'

/** Whether a promise has resolved by the time that everybody else had their turn. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false
  void promise.then(() => {
    done = true
  })
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  return done
}

it('an update waits for every tab, also for one that begins while it waits', async () => {
  const [asking, playing, late] = [new Busy(), new Busy(), new Busy()]
  const endPlaying = playing.start('playback')
  const idle = asking.untilAllIdle()
  expect(await isDone(idle)).toBe(false)
  const endLate = late.start('writing')
  endPlaying()
  expect(await isDone(idle)).toBe(false)
  endLate()
  await idle
})

it('two tabs that both agree to an update do not wait for each other', async () => {
  const [one, other, uploading] = [new Busy(), new Busy(), new Busy()]
  const end = uploading.start('upload')
  const both = Promise.all([one.untilAllIdle(), other.untilAllIdle()])
  end()
  await both
})

it('who goes from one thing to the next is busy all the time', async () => {
  const [asking, working] = [new Busy(), new Busy()]
  working.start('upload')()
  const end = working.start('playback')
  const idle = asking.untilAllIdle()
  expect(await isDone(idle)).toBe(false)
  end()
  await idle
})

it('writing holds up an update, and neither the lock nor a screen that sleeps', () => {
  const busy = new Busy()
  const write = busy.switch('writing')
  write(true)
  write(true)
  expect([busy.isBusy, busy.isAtWork]).toEqual([true, false])
  const end = busy.start('recording')
  expect(busy.isAtWork).toBe(true)
  end()
  end()
  write(false)
  expect(busy.isBusy).toBe(false)
})
