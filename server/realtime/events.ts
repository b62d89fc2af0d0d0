import type * as z from 'zod/mini'
import type { GroupId, MemberId, UserId } from '../../shared/format/ids.ts'
import type { serverEvents } from '../../shared/wire/events.ts'
import type { PushSubscriptionRow } from '../db/chat-rows.ts'

export type EventName = keyof typeof serverEvents
export type Payload<Name extends EventName> = z.output<(typeof serverEvents)[Name]>

/** Who is told: everybody in a group, one person's devices, one session, or every person who is signed in. */
export type Audience = { group: GroupId } | { account: UserId } | { session: string } | 'people'

/** One event for the transport, whichever it is. */
export type Notice =
  | { [Name in EventName]: { kind: 'event'; to: Audience; name: Name; payload: Payload<Name> } }[EventName]
  | { kind: 'membership'; memberId: MemberId; groupId: GroupId; isMember: boolean }
  | { kind: 'ended'; sessions: readonly string[]; isRemoved: boolean }
  | { kind: 'wake'; account: UserId; why: Why; session: string | null }
  | { kind: 'wake-removed'; subscriptions: readonly PushSubscriptionRow[] }

/** Why devices that sleep are woken: something came, or what came was seen on one of them, in `session`. */
export type Why = 'news' | 'seen'

/** Sessions that another device of the person ended, and the subscriptions that went with them. */
export type Removed = { sessions: readonly string[]; subscriptions: readonly PushSubscriptionRow[] }

/** The rules tell what happened, after the commit; Socket.IO and tests listen. */
export interface Events {
  publish<Name extends EventName>(to: Audience, name: Name, payload: Payload<Name>): void
  /** Somebody came into a group or left it: what they are told changes at once. */
  membership(memberId: MemberId, groupId: GroupId, isMember: boolean): void
  /** These sessions are over: they are told so and cut off. */
  ended(sessions: readonly string[]): void
  /** Likewise, by another device; whoever sleeps is woken by push, once more, to ask and to hear it. */
  removed(removed: Removed): void
  /** Wakes devices of a person that are not listening, by push. */
  wake(account: UserId, why: Why, session?: string): void
  listen(listener: (notice: Notice) => void): () => void
}

export function createEvents(): Events {
  const listeners = new Set<(notice: Notice) => void>()
  const tell = (notice: Notice) => {
    for (const listener of listeners) listener(notice)
  }
  return {
    // The union of `Notice` pairs each name with its payload, which the compiler cannot see through the parameter.
    publish: (to, name, payload) => tell({ kind: 'event', to, name, payload } as Notice),
    membership: (memberId, groupId, isMember) => tell({ kind: 'membership', memberId, groupId, isMember }),
    ended: (sessions) => tell({ kind: 'ended', sessions, isRemoved: false }),
    removed({ sessions, subscriptions }) {
      tell({ kind: 'wake-removed', subscriptions })
      tell({ kind: 'ended', sessions, isRemoved: true })
    },
    wake: (account, why, session) => tell({ kind: 'wake', account, why, session: session ?? null }),
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
