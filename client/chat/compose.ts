import { AppError } from '../../shared/errors.ts'
import type { UserId } from '../../shared/format/ids.ts'
import type { MessageRef } from '../../shared/wire/message-body.ts'
import { bodyOf, isVisible, placeOf, refOf, type SavedMessage, type VisibleType } from './rows.ts'
import { type ConversationState, comesBefore, isMissed, markOf } from './state.ts'
import type { Kept, KeptEffect, Position, Waiting } from './store.ts'
import type { Message, MessageState } from './types.ts'

/** What changes a message, wherever it stands: kept already, or still in the outbox. */
type Change = {
  readonly order: Position
  readonly senderId: UserId
  readonly content: Pick<SavedMessage, 'type' | 'body'>
}

/** What a message is shown with besides itself. */
export type Scene = {
  readonly me: UserId
  readonly state: ConversationState
  /** One's own that is not sent yet. */
  readonly outbox: readonly Waiting[]
  readonly sending: ReadonlySet<string>
  readonly progressOf: (waiting: Waiting) => number | null
}

/** A message as a screen shows it: edits and reactions applied, in the order on which all devices agree. */
export function composeKept({ row, saved }: Kept, effects: readonly KeptEffect[], scene: Scene): Message {
  const ref = refOf(row.place)
  const isMine = ref.senderId === scene.me
  const changes = [...effects.map(changeOf), ...pendingChanges(row.place, scene)].sort(byOrder)
  return {
    key: saved.key,
    ref,
    isMine,
    sentAt: saved.sentAt,
    ...contentOf(saved, saved.isDeleted ? [] : changes, ref),
    reactions: saved.isDeleted ? [] : reactionsOf(changes, scene.me),
    state: isMine ? toldOf(ref, scene.state) : null,
    progress: null,
    problem: null,
    expiresAt: row.expiresAt ?? null,
  }
}

export function composeWaiting(waiting: Waiting, scene: Scene): Message {
  const { content } = waiting
  const { key, failed } = content
  const state: MessageState = failed ? 'failed' : scene.sending.has(key) ? 'sending' : 'waiting'
  return {
    key,
    ref: null,
    isMine: true,
    sentAt: content.createdAt,
    ...contentOf({ ...content, isDeleted: false }, [], null),
    reactions: [],
    state,
    progress: scene.progressOf(waiting),
    problem: failed ? new AppError(failed) : null,
    expiresAt: null,
  }
}

/** What search looks through. */
export function textOf({ content }: Message): string {
  if (content.type === 'text') return content.text
  return content.type === 'media' ? `${content.text ?? ''} ${content.media.name}` : ''
}

function contentOf(
  { type, body, isDeleted }: Pick<SavedMessage, 'type' | 'body' | 'isDeleted'>,
  changes: readonly Change[],
  ref: MessageRef | null,
): Pick<Message, 'content' | 'reply' | 'isEdited'> {
  if (isDeleted) return { content: { type: 'deleted' }, reply: null, isEdited: false }
  if (changes.some(({ content, senderId }) => content.type === 'delete' && senderId === ref?.senderId)) {
    return { content: { type: 'deleted' }, reply: null, isEdited: false }
  }
  const edits = changes.filter(({ content, senderId }) => content.type === 'edit' && senderId === ref?.senderId)
  const last = edits.at(-1)
  const edited = last && bodyOf('edit', last.content.body).text
  const visible = type as VisibleType
  if (visible === 'settings') {
    const { disappearAfterMs } = bodyOf('settings', body)
    return { content: { type: 'settings', disappearAfterMs }, reply: null, isEdited: false }
  }
  const isEdited = edited !== undefined
  if (visible === 'text') {
    const { text, reply } = bodyOf('text', body)
    return { content: { type: 'text', text: edited ?? text }, reply: reply ?? null, isEdited }
  }
  const { media, text, reply } = bodyOf('media', body)
  return { content: { type: 'media', media, text: edited ?? text ?? null }, reply: reply ?? null, isEdited }
}

/** The newest of each person counts; none takes it back. */
function reactionsOf(changes: readonly Change[], me: UserId): Message['reactions'] {
  const newest = new Map<UserId, string | null>()
  for (const { senderId, content } of changes) {
    if (content.type === 'reaction') newest.set(senderId, bodyOf('reaction', content.body).emoji)
  }
  return [...newest].flatMap(([sender, emoji]) => (emoji ? [{ emoji, isMine: sender === me }] : []))
}

function toldOf(ref: MessageRef, state: ConversationState): MessageState {
  const { told } = state
  if (isMissed(state, ref)) return 'sent'
  if (markOf(told.read, ref) >= ref.counter) return 'read'
  return markOf(told.delivered, ref) >= ref.counter ? 'delivered' : 'sent'
}

function changeOf({ row, saved }: KeptEffect): Change {
  return { order: [row.lamport, row.place], senderId: refOf(row.place).senderId, content: saved }
}

function pendingChanges(target: string, { outbox, me }: Scene): Change[] {
  return outbox.flatMap(({ row, content }): Change[] => {
    if (isVisible(content.type) || content.failed !== null) return []
    const { target: about } = bodyOf(content.type, content.body) as { target: MessageRef }
    if (placeOf(about) !== target) return []
    // Later than everything that is here.
    return [{ order: [Number.MAX_SAFE_INTEGER, String(row.order).padStart(16, '0')], senderId: me, content }]
  })
}

function byOrder(a: Change, b: Change): number {
  return comesBefore(a.order, b.order) ? -1 : 1
}
