import { equalBytes } from '../../shared/format/bytes.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import { hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import type { GroupEntryRow, GroupRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'
import { toBytes } from '../format.ts'

const MAX_STATES = 256

export async function readEntries(db: Db, groupId: GroupId, from = 0): Promise<SignedEntry[]> {
  const rows = await db<GroupEntryRow>('group_entries')
    .where({ group_id: groupId })
    .where('seq', '>=', from)
    .orderBy('seq')
  return rows.map(({ bytes, sig }) => ({ bytes: toBytes(bytes), sig: toBytes(sig) }))
}

/** `firstSeq` is the number of the first of them. */
export async function storeEntries(
  trx: Db,
  groupId: GroupId,
  firstSeq: number,
  entries: readonly SignedEntry[],
): Promise<void> {
  for (const [i, entry] of entries.entries()) {
    await trx<GroupEntryRow>('group_entries').insert({
      group_id: groupId,
      seq: firstSeq + i,
      bytes: Buffer.from(entry.bytes),
      sig: Buffer.from(entry.sig),
      hash: Buffer.from(hashEntry(entry)),
    })
  }
}

/**
 * Replayed states, so that an append verifies its own entries and not the whole log again. A state counts only while
 * the stored head is its own, hence a transaction that was rolled back leaves no wrong one behind.
 */
export class GroupStates {
  readonly #states = new Map<GroupId, GroupState>()

  async of(db: Db, row: Pick<GroupRow, 'group_id' | 'head'>): Promise<GroupState> {
    const kept = this.#states.get(row.group_id)
    if (kept && equalBytes(kept.head, row.head)) return kept
    const state = replayGroup(row.group_id, await readEntries(db, row.group_id))
    this.keep(state)
    return state
  }

  keep(state: GroupState): void {
    this.#states.delete(state.groupId)
    this.#states.set(state.groupId, state)
    const oldest = this.#states.keys().next().value
    if (this.#states.size > MAX_STATES && oldest !== undefined) this.#states.delete(oldest)
  }
}
