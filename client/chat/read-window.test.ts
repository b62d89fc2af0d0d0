import { beforeEach, expect, it } from 'vitest'
import { Signal } from '../app/signal.ts'
import { ReadWindow } from './read-window.ts'
import type { Message } from './types.ts'

const opened: number[] = []
const edits = new Map<number, string>()
const revision = new Signal(0)
let isOnlyMore = false
const thread = {
  revision,
  get stableSince() {
    return isOnlyMore ? 0 : revision.value
  },
  read: async (from: number, to: number) =>
    Array.from({ length: Math.max(0, to - from) }, (_, index) => messageAt(from + index)),
}
let view: ReadWindow
beforeEach(() => {
  opened.length = 0
  edits.clear()
  revision.value = 0
  isOnlyMore = false
  view = new ReadWindow(thread)
})

function messageAt(position: number): Message {
  opened.push(position)
  return {
    key: `m${position}`,
    ref: null,
    isMine: false,
    sentAt: position,
    content: { type: 'text', text: edits.get(position) ?? `Message ${position}` },
    reply: null,
    isEdited: edits.has(position),
    reactions: [],
    state: null,
    progress: null,
    problem: null,
    expiresAt: null,
  }
}
const keysOf = (messages: readonly Message[]) => messages.map(({ key }) => key)
const keys = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `m${from + index}`)

it.each([
  ['upwards', [10, 18], [10, 11]],
  ['downwards', [14, 22], [20, 21]],
  ['both ways', [11, 21], [11, 20]],
  ['inwards', [14, 18], []],
  ['elsewhere', [40, 42], [40, 41]],
] as const)('opens what comes into the page by scrolling %s, and nothing else', async (_, [from, to], fresh) => {
  await view.read(12, 20)
  opened.length = 0
  expect(keysOf(await view.read(from, to))).toEqual(keys(from, to))
  expect(opened).toEqual(fresh)
})

it('opens all of it once something has changed, and keeps what says the same', async () => {
  const before = await view.read(0, 4)
  edits.set(2, 'Something else')
  revision.value++
  const after = await view.read(0, 5)
  expect(keysOf(after)).toEqual(keys(0, 5))
  expect(after.map((message, index) => message === before[index])).toEqual([true, true, false, true, false])
  expect(after[2]?.content).toEqual({ type: 'text', text: 'Something else' })
})

it('opens again what was changed while it was read', async () => {
  const reading = view.read(0, 2)
  edits.set(1, 'Changed meanwhile')
  revision.value++
  await reading
  opened.length = 0
  const [, second] = await view.read(0, 2)
  expect(opened).toEqual([0, 1])
  expect(second?.content).toEqual({ type: 'text', text: 'Changed meanwhile' })
})

it('opens the new ones alone where there is only more at the end', async () => {
  isOnlyMore = true
  const before = await view.read(0, 4)
  opened.length = 0
  revision.value++
  const after = await view.read(0, 6)
  expect(keysOf(after)).toEqual(keys(0, 6))
  expect(after.slice(0, 4)).toEqual(before)
  expect(opened).toEqual([4, 5])
})
