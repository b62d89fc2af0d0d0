import type { Knex } from 'knex'
import * as accountsAndGroups from '../../migrations/0001_accounts_and_groups.ts'
import * as mediaAndJobs from '../../migrations/0002_media_and_jobs.ts'
import * as friendsAndChat from '../../migrations/0003_friends_and_chat.ts'
import * as removedSessions from '../../migrations/0004_removed_sessions.ts'
import * as boundedRotations from '../../migrations/0005_bounded_rotations.ts'
import * as epochStarts from '../../migrations/0006_epoch_starts.ts'
import { DatabaseError } from './database-error.ts'

/** In order. Imported rather than found in a folder: what runs is what was type-checked. */
const MIGRATIONS: readonly { name: string; steps: Knex.Migration }[] = [
  { name: '0001_accounts_and_groups', steps: accountsAndGroups },
  { name: '0002_media_and_jobs', steps: mediaAndJobs },
  { name: '0003_friends_and_chat', steps: friendsAndChat },
  { name: '0004_removed_sessions', steps: removedSessions },
  { name: '0005_bounded_rotations', steps: boundedRotations },
  { name: '0006_epoch_starts', steps: epochStarts },
]

/** Brings `db` to the newest schema. @throws {DatabaseError} where a newer Kith has been at it. */
export async function migrateDatabase(db: Knex): Promise<void> {
  const known = new Set(MIGRATIONS.map(({ name }) => name))
  if (await db.schema.hasTable('knex_migrations')) {
    const done = await db<{ name: string }>('knex_migrations').select('name')
    const foreign = done.find(({ name }) => !known.has(name))
    if (foreign) {
      throw new DatabaseError(`The database was made by a newer Kith (it has ${foreign.name}): update this one.`)
    }
    // A process that was killed while it migrated left the lock behind; SQLite undid its work.
    await db.migrate.forceFreeMigrationsLock(options)
  }
  await db.migrate.latest(options)
}

const options: Knex.MigratorConfig = {
  migrationSource: {
    getMigrations: async () => [...MIGRATIONS],
    getMigrationName: (migration: unknown) => (migration as (typeof MIGRATIONS)[number]).name,
    getMigration: async (migration: unknown) => (migration as (typeof MIGRATIONS)[number]).steps,
  },
}
