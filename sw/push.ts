import * as z from 'zod/mini'
import { openForPreview } from '../shared/crypto/message-preview.ts'
import { openDevice } from '../shared/device/db.ts'
import {
  type Heard,
  isHeard,
  type NotifyState,
  QUIET_TAG,
  raiseHeard,
  readNotifySettings,
  readNotifyState,
  readPreviewKeys,
  writeNotifyState,
} from '../shared/device/push-store.ts'
import { isAppError } from '../shared/errors.ts'
import type { ConnectionId, UserId } from '../shared/format/ids.ts'
import { parseMessageHeader } from '../shared/format/message-layout.ts'
import { type ConnectionView, catchUp, listConnections, type StoredMessage } from '../shared/wire/connections.ts'
import { type MessageBody, type MessageType, messageBodies } from '../shared/wire/message-body.ts'
import type { call } from './call.ts'
import { readOwnMarks } from './own-receipt.ts'
import { eraseRemoved } from './removed.ts'

const TEXT_MAX = 160
const PAGES_MAX = 8
const ICON = '/icons/icon-192.png'
const KINDS = { photo: 'Photo', video: 'Video', audio: 'Sound', voice: 'Voice note', file: 'File' } as const

type Show = (title: string, options: NotificationOptions) => Promise<void>

/** What announcing takes from outside. */
export type PushPorts = {
  readonly call: typeof call
  /** Whether somebody looks at the program: it shows by itself what came. */
  readonly isWatched: () => Promise<boolean>
  readonly show: Show
  readonly close: (tag: string) => Promise<void>
  /** Whether the browser asks if something was shown, as WebKit does; the others ask what stands on the screen. */
  readonly countsShowing: boolean
  /** How many notifications stand there. */
  readonly standing: () => Promise<number>
  readonly badge: (count: number) => Promise<void>
  /** Nothing that was opened or announced stays, in memory or on the screen. */
  readonly forget: () => Promise<void>
  readonly now: () => Date
}

export const tagOf = (id: ConnectionId) => `chat/${id}`

/**
 * A push says nothing but that there is something: the rest is asked of the server, and opened with the keys at hand.
 * Who wrote, and what, stands on the screen only where the person allowed that and the device is unlocked.
 */
export async function announce(ports: PushPorts): Promise<void> {
  const isWatched = await ports.isWatched()
  let isShown = false
  const show: Show = async (title, options) => {
    isShown = true
    await ports.show(title, options)
  }
  if (!isWatched) await announceNews({ ...ports, show })
  if (isShown) await ports.close(QUIET_TAG)
  // Browsers were promised that no push goes unseen: docs/decisions/push-says-nothing.md.
  else if (ports.countsShowing || (!isWatched && (await ports.standing()) === 0)) {
    await ports.show('Kith', { body: 'Nothing new', tag: QUIET_TAG, silent: true, icon: ICON, data: { url: '/chats' } })
    if (ports.countsShowing) await ports.close(QUIET_TAG)
  }
}

async function announceNews(ports: PushPorts): Promise<void> {
  const me = (await (await openDevice()).get('account', 'current'))?.userId
  if (!me) return
  const settings = await readNotifySettings()
  const silent = isSilent(settings.silent, ports.now())
  const show = (title: string, body: string, tag: string, url: string) =>
    ports.show(title, { body, tag, silent, icon: ICON, data: { url } })
  try {
    const state = await readNotifyState()
    const { changed, changeSeq } = await readChanges(ports, state.changeSeq)
    const conversations = new Map(state.conversations.map((one) => [one.connectionId, one]))
    for (const view of changed) {
      const id = view.connectionId
      if (conversations.get(id)?.isMuted) continue
      if (view.state === 'asked') {
        // Their name is the server's word until the page has verified it.
        await show('Kith', 'Somebody asks to connect', tagOf(id), '/friends')
        continue
      }
      const known = conversations.get(id) ?? { seq: 0, unread: 0, heard: [] }
      const news = await newsOf(ports, view, me, known)
      const unread = news.isRead ? 0 : known.unread + news.count
      conversations.set(id, { connectionId: id, seq: view.lastSeq, unread, heard: news.heard })
      if (news.isRead) await ports.close(tagOf(id))
      else if (news.count > 0) {
        const title = (settings.previews && news.name) || 'Kith'
        const body = (settings.previews && news.preview) || (unread > 1 ? `${unread} new messages` : 'New message')
        await show(title, body, tagOf(id), `/chats/${id}`)
      }
    }
    await writeNotifyState({ changeSeq, conversations: [...conversations.values()] } satisfies NotifyState)
    await ports.badge([...conversations.values()].reduce((sum, { unread }) => sum + unread, 0))
  } catch (error) {
    if (!isAppError(error)) throw error
    if (error.code === 'auth/removed') {
      if (await eraseRemoved(ports.forget)) await show('Kith', 'This device was signed out', 'kith', '/')
      return
    }
    // The server cannot be asked now: that there is something is all that can be said.
    await show('Kith', 'There is something new', 'kith', '/chats')
  }
}

async function readChanges(ports: PushPorts, since: number): Promise<{ changed: ConnectionView[]; changeSeq: number }> {
  const changed = new Map<ConnectionId, ConnectionView>()
  let changeSeq = since
  for (let page = 0; page < PAGES_MAX; page++) {
    const { connections, more } = await ports.call(listConnections, { query: { since: changeSeq } })
    for (const view of connections) {
      changed.set(view.connectionId, view)
      changeSeq = Math.max(changeSeq, view.changeSeq)
    }
    if (!more || connections.length === 0) break
  }
  return { changed: [...changed.values()], changeSeq }
}

type News = {
  readonly count: number
  /** As the friend signed it; null: locked. */
  readonly name: string | null
  readonly preview: string
  readonly isRead: boolean
  readonly heard: Heard
}

async function newsOf(
  ports: PushPorts,
  view: ConnectionView,
  me: UserId,
  known: { seq: number; heard: Heard },
): Promise<News> {
  let { heard } = known
  const nothing: News = { count: 0, name: null, preview: '', isRead: false, heard }
  if (view.state !== 'friends') return nothing
  const { connectionId } = view
  const keys = await readPreviewKeys(connectionId)
  const since = Math.max(known.seq, keys?.since ?? 0)
  const body = { cursors: [{ connectionId, logFrom: view.length, since }] }
  const { connections } = await ports.call(catchUp, { body })
  const answer = connections.find((one) => one.connectionId === connectionId)
  if (!answer) return nothing
  const came = answer.messages.filter((one) => one.senderId !== me && one.seq > since && isInPlace(one, connectionId))
  const marks = await readOwnMarks(connectionId, me, answer.receipts)
  const messages = came.filter((one) => one.counter > (marks.get(`${one.senderId}.${one.deviceId}`) ?? 0))
  // Read on another of one's devices, or answered there.
  const isRead = messages.length === 0 && (marks.size > 0 || answer.messages.at(-1)?.senderId === me)
  // Asked again: Kith may have been locked while the server was being asked.
  const current = keys && (await readPreviewKeys(connectionId))
  let count = 0
  let preview = ''
  for (const message of messages) {
    // An old one under a new number.
    if (isHeard(heard, message)) continue
    const text = current ? textOf(message, connectionId, current) : ''
    // Without keys every one counts; with them those that a person would want to hear of.
    if (text !== null) count++
    preview = text || preview
    // Only what opens: a header alone can be made up, and must not silence what follows.
    if (text !== '') heard = raiseHeard(heard, [{ deviceId: message.deviceId, counter: message.counter }])
  }
  return { count, name: keys?.peer.username ?? null, preview, isRead, heard }
}

/** The header counts, which the seal covers; what the server writes beside it has to be the same. */
function isInPlace({ sealed, senderId, deviceId, counter }: StoredMessage, connectionId: ConnectionId): boolean {
  if (!sealed) return false
  try {
    const header = parseMessageHeader(sealed)
    return (
      header.connectionId === connectionId &&
      header.senderId === senderId &&
      header.deviceId === deviceId &&
      header.counter === counter
    )
  } catch {
    return false
  }
}

/** Of what is in its place. '' where it does not open here; null: nothing to announce. */
function textOf(
  { sealed, senderId }: StoredMessage,
  connectionId: ConnectionId,
  keys: NonNullable<Awaited<ReturnType<typeof readPreviewKeys>>>,
): string | null {
  if (!sealed || senderId !== keys.peer.userId) return ''
  try {
    const { epoch } = parseMessageHeader(sealed)
    const messageSecret = keys.epochs.find((one) => one.epoch === epoch)?.messageSecret ?? null
    const { type, body } = openForPreview({ sealed, connectionId, messageSecret })
    return sentence(type, body)
  } catch {
    return ''
  }
}

function sentence(type: MessageType, json: string): string | null {
  const bodyOf = <T extends MessageType>(type: T) =>
    z.decode(messageBodies[type] as z.ZodMiniType, JSON.parse(json)) as MessageBody<T>
  if (type === 'text') return bodyOf(type).text.slice(0, TEXT_MAX)
  if (type === 'reaction') {
    const { emoji } = bodyOf(type)
    return emoji && `Reacted ${emoji}`
  }
  if (type !== 'media') return null
  const { media, text } = bodyOf(type)
  return text?.slice(0, TEXT_MAX) || KINDS[media.kind]
}

/** Over midnight too: from 22:00 to 7:00. */
export function isSilent(hours: { from: number; to: number } | null, now: Date): boolean {
  if (!hours) return false
  const minute = now.getHours() * 60 + now.getMinutes()
  const { from, to } = hours
  return from <= to ? minute >= from && minute < to : minute >= from || minute < to
}
