import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newMediaId } from '../../../shared/crypto/random.ts'
import type { Bytes } from '../../../shared/format/bytes.ts'
import { Backlog } from './backlog.ts'
import type { Spool } from './spool.ts'

const MEDIA = newMediaId()
const piece = (index: number) => new Blob([new Uint8Array([index])])

/** What lies in it is seen; `full` refuses from then on. */
function memorySpool() {
  const lying = new Map<number, Bytes>()
  const spool: Spool = {
    async write(_upload, index, sealed) {
      if (state.isFull) throw new DOMException('full', 'QuotaExceededError')
      lying.set(index, sealed)
    },
    read: async (_upload, index) => {
      const bytes = lying.get(index)
      return bytes ? new Blob([bytes]) : null
    },
    pieces: async () => [...lying.keys()],
    remove: async (_upload, index) => void lying.delete(index),
    clear: async () => lying.clear(),
    list: async () => [MEDIA],
  }
  const state = { spool, lying, isFull: false }
  return state
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const backlogOn = (spool: Spool, spooled: number[] = [], signal = new AbortController().signal) =>
  new Backlog(spool, MEDIA, spooled, signal)

test('a network that keeps up takes every piece from memory; the spool is never written', async () => {
  const { spool, lying } = memorySpool()
  const backlog = backlogOn(spool)
  for (let index = 0; index < 40; index++) {
    await backlog.room()
    backlog.add(index, piece(index))
    await backlog.has([index])
    expect((await backlog.read(index))?.size).toBe(1)
    if (index % 4 === 3) backlog.acknowledge(index + 1)
  }
  expect(await backlog.sealed()).toBe(true)
  expect(lying.size).toBe(0)
})

test('a network that stands still: memory stays small, the rest and at last all of it lies in the spool', async () => {
  const { spool, lying } = memorySpool()
  const backlog = backlogOn(spool)
  for (let index = 0; index < 30; index++) {
    const room = backlog.room()
    vi.runAllTimers()
    await room
    backlog.add(index, piece(index))
  }
  expect(lying.size).toBeGreaterThan(30 - 9)
  expect(await backlog.sealed()).toBe(true)
  expect([...lying.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index))
  const read = await backlog.read(29)
  expect(read && new Uint8Array(await read.arrayBuffer())).toEqual(new Uint8Array([29]))
  backlog.acknowledge(30)
  expect(lying.size).toBe(0)
})

test('a network that stands still after an acknowledgement that brought nothing new: the rest goes to the spool all the same', async () => {
  const { spool, lying } = memorySpool()
  const backlog = backlogOn(spool)
  for (let index = 0; index < 8; index++) backlog.add(index, piece(index))
  backlog.acknowledge(0)
  const room = backlog.room()
  vi.runAllTimers()
  await room
  expect(lying.size).toBeGreaterThan(0)
})

test('no room on the device: it goes on from memory as fast as pieces are acknowledged, and says that it is not kept', async () => {
  const state = memorySpool()
  state.isFull = true
  const backlog = backlogOn(state.spool)
  const sealing = (async () => {
    for (let index = 0; index < 50; index++) {
      await backlog.room()
      backlog.add(index, piece(index))
    }
    return backlog.sealed()
  })()
  for (let index = 0; index < 50; index++) {
    await backlog.has([index])
    expect((await backlog.read(index))?.size).toBe(1)
    backlog.acknowledge(index + 1)
  }
  expect(await sealing).toBe(false)
})

test('an earlier run: what lies in the spool is there at once, and what is missing is waited for', async () => {
  const state = memorySpool()
  for (const index of [3, 4]) state.lying.set(index, new Uint8Array([index]))
  const backlog = backlogOn(state.spool, [3, 4])
  await backlog.has([3, 4])
  const all = backlog.has([2, 3])
  backlog.add(2, piece(2))
  await all
  backlog.acknowledge(4)
  expect([...state.lying.keys()]).toEqual([4])
})

test('cancelled: whoever waits hears it', async () => {
  const abort = new AbortController()
  const backlog = backlogOn(memorySpool().spool, [], abort.signal)
  const waiting = backlog.has([0])
  abort.abort(new Error('cancelled'))
  await expect(waiting).rejects.toThrow('cancelled')
})
