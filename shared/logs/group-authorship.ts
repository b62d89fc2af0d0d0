import { AppError } from '../errors.ts'
import { toBase64Url } from '../format/base64url.ts'
import type { Bytes } from '../format/bytes.ts'
import type { MemberId, UserId, WorkerId } from '../format/ids.ts'
import type { GroupState } from './group-state.ts'

/** A document's place in time. */
export type Authorship = {
  readonly author: MemberId
  /** Newest head of the group's log that the author knew; signed. */
  readonly groupHead: Bytes
  /**
   * Seq of the log at which the reader had seen everything there was, and not this revision: it was written later.
   * -1: never.
   */
  readonly notBefore: number
}

/**
 * Whether the author was in the group when they wrote (docs/protocol.md §6, §7). Members expose a fork to each other by
 * the heads they name; whoever was removed cannot go on writing with the help of the server.
 * @throws {AppError} `group/fork` when the log has never had that head: ask for the log once more before saying so;
 *   `card/tampered` when the author was not in the group.
 */
export function checkAuthorship(state: GroupState, { author, groupHead, notBefore }: Authorship): void {
  const seq = state.heads.get(toBase64Url(groupHead))
  if (seq === undefined) throw new AppError('group/fork', 'a member has seen another history')
  const periods = periodsOf(state, author)
  if (!periods.some(({ from, to }) => from <= seq && seq < to))
    throw new AppError('card/tampered', 'its author was not in the group then')
  // An old head is easily named: what came up after everybody knew that the author had left is no older.
  if (Math.max(...periods.map(({ to }) => to)) <= notBefore)
    throw new AppError('card/tampered', 'it came up after its author had left')
}

function periodsOf(state: GroupState, author: MemberId): { from: number; to: number }[] {
  const member = state.members.get(author as UserId)
  const worker = state.workers.get(author as WorkerId)
  const since = member?.joinedSeq ?? worker?.enrolledSeq
  const former = state.formerMembers.get(author as UserId) ?? state.formerWorkers.get(author as WorkerId)
  return [...(former?.periods ?? []), ...(since === undefined ? [] : [{ from: since, to: Number.POSITIVE_INFINITY }])]
}
