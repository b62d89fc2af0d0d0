import type { AppError } from '../../shared/errors.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import type { MessageTtl } from '../../shared/wire/connections.ts'
import type { MediaReference, MessageRef } from '../../shared/wire/message-body.ts'
import type { Person } from '../../shared/wire/people.ts'
import type { Signal } from '../app/signal.ts'

/** How far one's own message has come. `failed` waits for the person: retry or take back. */
export type MessageState = 'waiting' | 'sending' | 'sent' | 'delivered' | 'read' | 'failed'

/** A message as a screen shows it: edits, reactions and deletions are applied. */
export type Message = {
  /** Stays the same from the outbox on. */
  readonly key: string
  /** `null` while it was never sealed. */
  readonly ref: MessageRef | null
  readonly isMine: boolean
  readonly sentAt: number
  readonly content:
    | { readonly type: 'text'; readonly text: string }
    | { readonly type: 'media'; readonly media: MediaReference; readonly text: string | null }
    | { readonly type: 'deleted' }
    | { readonly type: 'settings'; readonly disappearAfterMs: MessageTtl }
  readonly reply: MessageRef | null
  readonly isEdited: boolean
  readonly reactions: readonly { readonly emoji: string; readonly isMine: boolean }[]
  /** For one's own; `null` for others. */
  readonly state: MessageState | null
  /** Of one's own that carries a file: 0 to 1 while it is sealed and sent. */
  readonly progress: number | null
  readonly problem: AppError | null
  readonly expiresAt: number | null
}

export type Conversation = {
  readonly connectionId: ConnectionId
  readonly peer: Person
  readonly isVerified: boolean
  /** Newest message, for the list. */
  readonly last: Message | null
  readonly unread: number
  readonly draft: string
  readonly isTyping: boolean
  readonly disappearAfterMs: MessageTtl
  /** Messages that must exist and do not come, after 30 s. */
  readonly missing: number
  /** Newest time at which the friend's devices are known to have seen everything; shown when they fall behind. */
  readonly lastConfirmedAt: number | null
  /** Whether they have confirmed anything of one's own at all. */
  readonly hasConfirmed: boolean
  /** Whether one may write here: friends, nothing wrong. */
  readonly canSend: boolean
  readonly fault: AppError | null
}

/** Conversations of this account (`chat.ts`). */
export interface Chat {
  /** Newest first. */
  readonly conversations: Signal<readonly Conversation[]>
  readonly unread: Signal<number>
  /** @throws {AppError} `connection/not-found` */
  open(connection: ConnectionId): Promise<Thread>
  /** Everywhere on this device; newest first, at most 100. */
  search(text: string): Promise<readonly { readonly conversation: Conversation; readonly message: Message }[]>
}

/** One conversation that is on the screen. Positions count what is shown, from the oldest (0). */
export interface Thread {
  readonly conversation: Signal<Conversation>
  readonly total: Signal<number>
  /** Counts up whenever something inside changed. */
  readonly revision: Signal<number>
  /** Since this revision there was only more at the end. */
  readonly stableSince: number
  read(from: number, to: number): Promise<readonly Message[]>
  /** Position of the first message not read; `null`: none. */
  firstUnread(): Promise<number | null>
  positionOf(ref: MessageRef): Promise<number | null>
  /** Positions of messages that contain the text, newest first. */
  search(text: string): Promise<readonly number[]>
  /** @throws {AppError} `message/too-large`; likewise `edit` */
  sendText(text: string, options?: { reply?: MessageRef }): Promise<void>
  sendFiles(files: readonly File[], options?: { text?: string; reply?: MessageRef }): Promise<void>
  sendVoice(sound: Blob, details: { durationMs: number; waveform: readonly number[] }): Promise<void>
  react(target: MessageRef, emoji: string | null): Promise<void>
  edit(target: MessageRef, text: string): Promise<void>
  /** What one’s other devices have of it stays there. */
  deleteHere(key: string): Promise<void>
  deleteForBoth(target: MessageRef): Promise<void>
  retry(key: string): Promise<void>
  takeBack(key: string): Promise<void>
  setDisappearing(after: MessageTtl): Promise<void>
  /** Everything up to this position was on the screen. */
  markRead(position: number): Promise<void>
  saveDraft(text: string): Promise<void>
  /** Call while the person types; told to the friend at most every few seconds. */
  typing(): void
  close(): void
}
