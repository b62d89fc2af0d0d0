import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { MemberId } from '../../shared/format/ids.ts'
import type { GroupEntry } from '../../shared/logs/group-entries.ts'
import { hashOf } from '../../shared/logs/signed.ts'
import { verifyWorkerStatement } from '../../shared/logs/worker-statement.ts'
import type { GroupBox } from '../../shared/wire/groups.ts'

/**
 * The boxes that come with entries are exactly those whose hashes the entries list.
 * @throws {AppError} `group/ghost-box`, `group/wrong-box`, `group/missing-box`
 */
export function checkStoredBoxes(entries: readonly GroupEntry[], boxes: readonly GroupBox[]): void {
  const listed = new Map(entries.flatMap(listedBoxes))
  for (const { memberId, epoch, sealed } of boxes) {
    const hash = listed.get(keyOf(memberId, epoch))
    if (!hash) throw new AppError('group/ghost-box', 'a box that the log does not list')
    if (!equalBytes(hash, hashOf(sealed))) throw new AppError('group/wrong-box', 'a box that the log does not mean')
    listed.delete(keyOf(memberId, epoch))
  }
  if (listed.size > 0) throw new AppError('group/missing-box', 'a box that the log lists was not sent')
}

function listedBoxes(entry: GroupEntry): [string, Uint8Array][] {
  if (entry.type === 'rotate') {
    return entry.payload.boxes.map(({ memberId, hash }) => [keyOf(memberId, entry.payload.epoch), hash])
  }
  if (entry.type === 'enrol-worker') {
    const { workerId } = verifyWorkerStatement(entry.payload.worker)
    return entry.payload.boxes.map(({ epoch, hash }) => [keyOf(workerId, epoch), hash])
  }
  return []
}

function keyOf(memberId: MemberId, epoch: number): string {
  return `${memberId}.${epoch}`
}
