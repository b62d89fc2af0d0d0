import type { Bytes } from '../format/bytes.ts'
import type { GroupId, MemberId } from '../format/ids.ts'
import { GROUP_LABEL, type GroupAction, type GroupEntry, groupEntry } from '../logs/group-entries.ts'
import { hashEntry, type SignedEntry, ZERO_HASH } from '../logs/signed.ts'
import { signStatement } from './signing.ts'

/** Who signs: the identity seed, and the head of the identity log, resp. the hash of the worker's statement. */
export type GroupActor = { readonly id: MemberId; readonly seed: Bytes; readonly head: Bytes }

/** Where an entry is put: after the last one, or `null` in front of the first. */
export type LogEnd = { readonly seq: number; readonly head: Bytes } | null

/** Signs actions as entries that follow each other, from `end` on. */
export function signGroupEntries(
  group: GroupId,
  actor: GroupActor,
  end: LogEnd,
  actions: readonly GroupAction[],
  nowMs: number,
): SignedEntry[] {
  let { seq, head } = end ?? { seq: -1, head: ZERO_HASH }
  return actions.map((action) => {
    seq += 1
    const common = { v: 1 as const, groupId: group, seq, prev: head, actor: actor.id, actorHead: actor.head, ts: nowMs }
    const signed = signStatement(actor.seed, GROUP_LABEL, groupEntry, { ...common, ...action } as GroupEntry)
    head = hashEntry(signed)
    return signed
  })
}
