import { openGroupBox } from '../shared/crypto/group-box.ts'
import { unwrapContentKey } from '../shared/crypto/wraps.ts'
import { AppError } from '../shared/errors.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { replayGroup } from '../shared/logs/group-replay.ts'
import type { GroupState } from '../shared/logs/group-state.ts'
import { readGroupBoxes, readGroupLog } from '../shared/wire/groups.ts'
import type { ClaimedJob } from '../shared/wire/jobs.ts'
import type { Api } from './api.ts'
import type { Identity, InvitedKeys } from './identity.ts'
import type { Pins } from './pins.ts'

/** What a job is opened with; nothing of it is kept after the job but the pin of the log. */
export type JobKeys = { readonly contentKey: Bytes; readonly group: GroupState }

export type KeyPorts = {
  readonly api: Api
  readonly identity: Identity
  readonly pins: Pick<Pins, 'get' | 'set'>
  /** The media keys that came with invites, as they are now. */
  readonly invited: () => Promise<readonly InvitedKeys[]>
}

/**
 * The item's content key, by the media key that the group's log gave this worker.
 * @throws {AppError} `group/not-member` (not enrolled, or not any more), `key/unavailable`, and what a false log is refused with.
 */
export async function openJobKeys({ api, identity, pins, invited }: KeyPorts, job: ClaimedJob): Promise<JobKeys> {
  const params = { groupId: job.groupId }
  const { entries } = await api.call(readGroupLog, { params, query: { from: 0 } })
  const pin = await pins.get(job.groupId)
  const group = replayGroup(job.groupId, entries, pin ? { pin } : {})
  await pins.set(job.groupId, group)
  if (!group.workers.has(identity.workerId)) throw new AppError('group/not-member', 'this worker is not enrolled')
  const mediaKey = invitedKey(await invited(), job) ?? (await boxedKey(api, identity, job, group))
  return { contentKey: await unwrapContentKey(mediaKey, job, job.wrappedContent), group }
}

async function boxedKey(api: Api, identity: Identity, job: ClaimedJob, group: GroupState): Promise<Bytes> {
  const { boxes } = await api.call(readGroupBoxes, { params: { groupId: job.groupId } })
  const box = boxes.find(({ epoch, memberId }) => epoch === job.epoch && memberId === identity.workerId)
  if (!box) throw new AppError('key/unavailable', `no key of epoch ${job.epoch}`)
  return openGroupBox(group, box, identity.box)
}

function invitedKey(invited: readonly InvitedKeys[], job: ClaimedJob): Bytes | undefined {
  const group = invited.find(({ groupId }) => groupId === job.groupId)
  return group?.media.find(({ epoch }) => epoch === job.epoch)?.key
}
