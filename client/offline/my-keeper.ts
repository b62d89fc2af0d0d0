import type { KeptRow } from '../../shared/device/db.ts'
import { readMediaRecord } from '../../shared/device/media-store.ts'
import type { Services } from '../app/services.ts'
import { Keeper } from './keeper.ts'

const keepers = new WeakMap<object, Keeper>()

/** What this device keeps; one for the page, made and started by the first screen that asks. */
export function keeperOf(services: Pick<Services, 'items' | 'session'>): Keeper {
  const known = keepers.get(services.session)
  if (known) return known
  const { items, session } = services
  const keeper = new Keeper({
    read: async (media) => (await items.read(media)).item,
    list: (group) => items.kept(group),
  })
  keepers.set(session, keeper)
  void keeper.start()
  // Whoever was removed from a group, or from whom an item was taken, keeps nothing of it.
  const sweep = () => {
    const state = session.state.value
    if (state.kind === 'unlocked') void keeper.sweep((row) => mayKeep(services, row))
  }
  session.requireUnlocked().groups.all.watch(sweep)
  sweep()
  return keeper
}

async function mayKeep({ session }: Pick<Services, 'session'>, row: KeptRow): Promise<{ revision: number } | null> {
  const record = await readMediaRecord(row.mediaId)
  if (!record || record.state === 'deleted') return null
  if (!session.requireUnlocked().groups.all.value.has(record.groupId)) return null
  return { revision: record.workerDocument?.revision ?? 0 }
}
