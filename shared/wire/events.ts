import * as z from 'zod/mini'
import { jobView } from './jobs.ts'
import { groupId, mediaId, natural, workerId } from './primitives.ts'

/** What Socket.IO carries from the server: ids, counters and states only. JSON, parsed at arrival. */
export const serverEvents = {
  /** Something about an item changed; fetch it, or the changes since what is known. */
  media: z.strictObject({ groupId, mediaId, changeSeq: natural }),
  job: jobView,
  /** The log grew. */
  group: z.strictObject({ groupId, seq: natural }),
  /** A worker made itself known or came back. */
  worker: z.strictObject({ workerId }),
  /** This session is over. */
  revoked: z.strictObject({}),
} as const
export type ServerEvents = {
  [Name in keyof typeof serverEvents]: (payload: z.output<(typeof serverEvents)[Name]>) => void
}
export const SOCKET_PATH = '/api/events'
