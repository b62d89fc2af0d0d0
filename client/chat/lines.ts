import type { MessageTtl } from '../../shared/wire/connections.ts'
import { dayLabel, durationLabel } from '../library/days.ts'
import type { Message, MessageState } from './types.ts'

/** A message, and what stands between it and the one before. */
export type Line = {
  readonly message: Message
  readonly position: number
  /** Heading of a day that begins here. */
  readonly day: string | null
  /** Goes on with the one before: same person, within minutes. */
  readonly isContinued: boolean
}

const GROUP_MS = 5 * 60_000

/** @param before the message above the first one, if there is one. */
export function linesOf(messages: readonly Message[], from: number, before: Message | null, now: number): Line[] {
  let last = before
  return messages.map((message, index) => {
    const isNewDay = last === null || dayOf(last) !== dayOf(message)
    const isContinued =
      !isNewDay &&
      last !== null &&
      last.isMine === message.isMine &&
      last.content.type !== 'settings' &&
      Math.abs(message.sentAt - last.sentAt) < GROUP_MS
    last = message
    return { message, position: from + index, day: isNewDay ? dayLabel(message.sentAt, now) : null, isContinued }
  })
}

/** A label of each would take longer than all the rest. */
const dayOf = ({ sentAt }: Message): number => new Date(sentAt).setHours(0, 0, 0, 0)

/** What a list or a quote shows of a message. */
export function previewOf({ content }: Pick<Message, 'content'>): string {
  switch (content.type) {
    case 'text':
      return content.text
    case 'deleted':
      return 'This message was deleted.'
    case 'settings':
      return ttlSentence(content.disappearAfterMs)
    case 'media': {
      const { kind, name, durationMs } = content.media
      const what = { photo: 'Photo', video: 'Video', audio: 'Sound', voice: 'Voice note', file: name }[kind]
      const long = durationMs && kind !== 'photo' ? ` (${durationLabel(durationMs)})` : ''
      return content.text ? `${what}: ${content.text}` : what + long
    }
  }
}

export const STATE_LABELS: Readonly<Record<MessageState, string>> = {
  waiting: 'waits for the network',
  sending: 'is being sent',
  sent: 'sent',
  delivered: 'delivered',
  read: 'read',
  failed: 'not sent',
}

export const TTL_CHOICES: readonly { ms: MessageTtl; label: string }[] = [
  { ms: null, label: 'Never' },
  { ms: 86_400_000, label: 'After 1 day' },
  { ms: 604_800_000, label: 'After 7 days' },
  { ms: 2_592_000_000, label: 'After 30 days' },
]

function ttlSentence(ms: MessageTtl): string {
  const days = (ms ?? 0) / 86_400_000
  if (ms === null) return 'Messages stay from now on.'
  return `Messages disappear after ${days === 1 ? 'one day' : `${days} days`} from now on.`
}

/** `14:05`; in a list also `Yesterday` or a date. */
export function timeLabel(timeMs: number): string {
  const time = new Date(timeMs)
  return `${twoDigits(time.getHours())}:${twoDigits(time.getMinutes())}`
}
export function listTimeLabel(timeMs: number, now: number): string {
  const day = dayLabel(timeMs, now)
  if (day === 'Today') return timeLabel(timeMs)
  return day === 'Yesterday' ? day : new Date(timeMs).toLocaleDateString('en', { day: 'numeric', month: 'short' })
}
const twoDigits = (count: number) => String(count).padStart(2, '0')
