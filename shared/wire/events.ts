import * as z from 'zod/mini'
import { storedMessage } from './connections.ts'
import { jobView } from './jobs.ts'
import { bytes, connectionId, groupId, mediaId, natural, workerId } from './primitives.ts'

/** Larger messages are asked for: what a slow reader has not taken yet lies in the server's memory. Bytes, sealed. */
export const CARRIED_MAX_BYTES = 4096

/** What Socket.IO carries from the server: ids, counters, states and ciphertext only. JSON, parsed at arrival. */
export const serverEvents = {
  /** Something about an item changed; fetch it, or the changes since what is known. */
  media: z.strictObject({ groupId, mediaId, changeSeq: natural }),
  job: jobView,
  /** The log grew. */
  group: z.strictObject({ groupId, seq: natural }),
  /**
   * A log grew, a message or a receipt came: ask what changed since `changeSeq - 1`. `message`: one that came, as
   * `catchUp` would answer it; whoever has all before it need not ask.
   */
  connection: z.strictObject({ connectionId, changeSeq: natural, message: z.optional(storedMessage) }),
  /** The friend types: sealed, so that the server cannot make it up. Passed on, never stored. */
  typing: z.strictObject({ connectionId, sealed: bytes(40, 128) }),
  /** A worker made itself known or came back. */
  worker: z.strictObject({ workerId }),
  /** This session is over; `isRemoved`: by another device, so that everything kept here is to be forgotten. */
  revoked: z.strictObject({ isRemoved: z.boolean() }),
} as const
export type ServerEvents = {
  [Name in keyof typeof serverEvents]: (payload: z.output<(typeof serverEvents)[Name]>) => void
}
/** What a browser may send. */
export const clientEvents = {
  typing: z.strictObject({ connectionId, sealed: bytes(40, 128) }),
} as const
export type ClientEvents = {
  [Name in keyof typeof clientEvents]: (payload: z.output<(typeof clientEvents)[Name]>) => void
}
export const SOCKET_PATH = '/api/events'
