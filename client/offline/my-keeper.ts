import type { KeptRow } from '../../shared/device/db.ts'
import { readMediaRecord } from '../../shared/device/media-store.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { passAppError } from '../app/passing.ts'
import type { Services } from '../app/services.ts'
import type { Group } from '../groups/group.ts'
import { sweepPictures } from '../media/pictures.ts'
import { Keeper } from './keeper.ts'

type Needed = Pick<Services, 'items' | 'session' | 'events' | 'busy'>

const keepers = new WeakMap<object, Keeper>()

/** What this device keeps; one for the page, made and started once somebody is in. */
export function keeperOf(services: Needed): Keeper {
  const known = keepers.get(services.session)
  if (known) return known
  const { items, session, events } = services
  const { groups } = session.requireUnlocked()
  const hasWorker = (group?: Group) => (group?.state.workers.size ?? 0) > 0
  const keeper = new Keeper({
    read: async (media) => (await items.read(media)).item,
    list: (group) => items.kept(group),
    hasWorker: (group) => hasWorker(session.requireUnlocked().groups.all.value.get(group)),
    setBusy: services.busy.switch('keeping'),
  })
  keepers.set(session, keeper)
  void keeper.start()

  const sweep = async () => {
    await keeper.sweep((row) => mayKeep(services, row))
    await sweepPictures()
  }
  const sync = async (group: GroupId): Promise<void> => {
    await items
      .sync(group)
      .then(() => keeper.follow(group))
      .catch(passAppError)
  }
  const catchUp = async (): Promise<void> => {
    for (const group of await keeper.groups()) await sync(group)
    await sweep()
  }
  const hear = async (group: GroupId): Promise<void> => {
    if (!(await keeper.groups()).has(group)) return
    await sync(group)
    await sweep()
  }
  let open = groups.all.value
  groups.all.watch((all) => {
    const before = open
    open = all
    if ([...before.keys()].some((group) => !all.has(group))) void sweep()
    // What waits for a worker needs not wait for one that was removed.
    for (const [id, group] of all) {
      const was = before.get(id)
      if (was && hasWorker(was) !== hasWorker(group)) void keeper.follow(id).catch(passAppError)
    }
  })
  session.caughtUpAt.watch(() => void catchUp())
  events.on('media', ({ groupId }) => void hear(groupId))
  // How far a job is, is told again and again: only how it ends may be news, of what is kept.
  events.on('job', ({ groupId, mediaId, state }) => {
    if (state !== 'running' && keeper.rows.value.has(mediaId)) void hear(groupId)
  })
  void (session.caughtUpAt.value === null ? sweep() : catchUp())
  return keeper
}

/** Of what was deleted, and of a group that somebody left or was removed from, there is no record any more. */
async function mayKeep({ session }: Needed, row: KeptRow): Promise<{ revision: number } | null> {
  const record = await readMediaRecord(row.mediaId)
  if (!record || record.state === 'deleted') return null
  // Forgotten from another device: the vault tells.
  if (!session.requireUnlocked().groups.isKnown(record.groupId)) return null
  return { revision: record.workerDocument?.revision ?? 0 }
}
