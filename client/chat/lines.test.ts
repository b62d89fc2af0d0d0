import { expect, it } from 'vitest'
import { linesOf, listTimeLabel, previewOf } from './lines.ts'
import type { Message } from './types.ts'

const NOON = new Date(2026, 10, 20, 12).getTime()
const said = (sentAt: number, isMine: boolean, content: Message['content'] = { type: 'text', text: 'x' }): Message => ({
  key: `${sentAt}`,
  ref: null,
  isMine,
  sentAt,
  content,
  reply: null,
  isEdited: false,
  reactions: [],
  state: null,
  progress: null,
  problem: null,
  expiresAt: null,
})
const DAY = 86_400_000

it('puts a heading before each day, and joins what one person says within minutes', () => {
  const messages = [
    said(NOON - DAY, true),
    said(NOON, true),
    said(NOON + 60_000, true),
    said(NOON + 61_000, false),
    said(NOON + 600_000, false),
  ]
  const lines = linesOf(messages, 7, null, NOON + 700_000)
  expect(lines.map(({ day }) => day)).toEqual(['Yesterday', 'Today', null, null, null])
  expect(lines.map(({ isContinued }) => isContinued)).toEqual([false, false, true, false, false])
  expect(lines.map(({ position }) => position)).toEqual([7, 8, 9, 10, 11])
  expect(linesOf(messages.slice(2), 9, messages[1] ?? null, NOON)[0]).toMatchObject({ day: null, isContinued: true })
})

it('says in a few words what a message is', () => {
  const media = {
    mediaId: 'm',
    contentKey: new Uint8Array(32),
    kind: 'voice',
    name: 'n',
    type: 't',
    sizeBytes: 1,
    hasThumb: false,
    durationMs: 65_000,
  } as never
  expect(previewOf({ content: { type: 'media', media, text: null } })).toBe('Voice note (1:05)')
  expect(previewOf({ content: { type: 'deleted' } })).toBe('This message was deleted.')
  expect(previewOf({ content: { type: 'settings', disappearAfterMs: 86_400_000 } })).toBe(
    'Messages disappear after one day from now on.',
  )
  expect(previewOf({ content: { type: 'settings', disappearAfterMs: null } })).toBe('Messages stay from now on.')
})

it('tells the time in a list, shorter the longer ago', () => {
  expect(listTimeLabel(NOON, NOON)).toBe('12:00')
  expect(listTimeLabel(NOON - DAY, NOON)).toBe('Yesterday')
  expect(listTimeLabel(NOON - 9 * DAY, NOON)).toBe('Nov 11')
})
