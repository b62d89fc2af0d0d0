import { expect, it } from 'vitest'
import { newUserId } from '../../shared/crypto/random.ts'
import { CONFIRMED_WITHIN_MS, confirmedSentence } from './conversation-banners.ts'
import type { MessageState } from './types.ts'

const peer = { userId: newUserId(), username: 'ben' }
const now = new Date(2026, 4, 2, 12, 30).getTime()
const line = (state: MessageState | null, ageMs: number) => ({ message: { state, sentAt: now - ageMs } })
const behind = line('sent', CONFIRMED_WITHIN_MS + 1)
const nothing = { peer, lastConfirmedAt: null, hasConfirmed: false }

it.each([
  ['nothing at all', nothing, 'ben has confirmed nothing of what was written yet.'],
  ['some, never all', { ...nothing, hasConfirmed: true }, 'ben has not confirmed all that was written yet.'],
  [
    'all, until then',
    { peer, lastConfirmedAt: now, hasConfirmed: true },
    /^ben has confirmed what was written until May 2, 2026, 12:30\sPM\.$/,
  ],
])('says what a friend has confirmed whom something does not reach: %s', (_, conversation, said) => {
  expect(confirmedSentence(conversation, [line('read', 9e9), behind], now)).toMatch(said)
})

it.each([
  ['it may still come', line('sent', CONFIRMED_WITHIN_MS)],
  ['it came', line('delivered', 9e9)],
  ['it is still here', line('waiting', 9e9)],
  ['it is the friend’s', line(null, 9e9)],
])('says nothing where %s', (_, one) => {
  expect(confirmedSentence(nothing, [one], now)).toBeNull()
})
