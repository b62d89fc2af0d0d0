import { AppError } from '../../shared/errors.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { fingerprint } from '../../shared/logs/fingerprint.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { verifyWorkerStatement, type WorkerStatement } from '../../shared/logs/worker-statement.ts'
import { listWorkers } from '../../shared/wire/workers.ts'
import type { Api } from '../app/api.ts'
import type { Groups } from './groups.ts'

/** A worker that the server knows; its statement was verified here. */
export type KnownWorker = {
  readonly statement: WorkerStatement
  readonly signed: SignedEntry
  readonly fingerprint: string
  readonly online: boolean
}

/** @throws {AppError} `log/bad-signature` when the server shows a worker that did not sign its own keys. */
export async function readWorkers(api: Api): Promise<KnownWorker[]> {
  const { workers } = await api.call(listWorkers)
  return workers.map(({ statement: signed, workerId, online }) => {
    const { head: _head, ...statement } = verifyWorkerStatement(signed)
    if (statement.workerId !== workerId) throw new AppError('log/bad-entry', 'a worker under another id')
    return { statement, signed, online, fingerprint: fingerprint(statement.identityKey, workerId).digits }
  })
}

/** Lets a worker open the media of a group: the media key of every epoch, sealed to it, and an entry that lists the boxes. */
export async function enrolWorker(groups: Groups, groupId: GroupId, worker: KnownWorker): Promise<void> {
  const { workerId: memberId, agreementKey } = worker.statement
  await groups.append(groupId, async (group) => {
    // Also after a lost race: somebody else may have let it in.
    if (group.state.workers.has(memberId)) return null
    const made = await Promise.all(
      [...group.keys].map(([epoch, { media }]) =>
        groups.context.crypto.sealGroupBox(groupId, epoch, { memberId, agreementKey }, media),
      ),
    )
    const boxes = made.map(({ epoch, hash }) => ({ epoch, hash }))
    return {
      actions: [{ type: 'enrol-worker', payload: { worker: worker.signed, boxes } }],
      boxes: made.map(({ epoch, sealed }) => ({ memberId, epoch, sealed })),
    }
  })
}
