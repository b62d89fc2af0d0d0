import knex, { type Knex } from 'knex'
import { DatabaseError } from './database-error.ts'
import { migrateDatabase } from './migrate.ts'

interface Connection {
  exec(sql: string, done: (error: Error | null) => void): void
}

/**
 * The database in `file`, checked and brought to the newest schema. One connection: SQLite has one writer anyway, and
 * transactions of this process never meet halfway.
 * @throws {DatabaseError} where the file is damaged or newer than this program.
 */
export async function openDatabase(file: string): Promise<Knex> {
  const db = knex({
    client: 'sqlite3',
    connection: { filename: file },
    useNullAsDefault: true,
    pool: { min: 1, max: 1, afterCreate: prepare },
    acquireConnectionTimeout: 60_000,
    // What knex would print is thrown too, and then said in a sentence.
    log: { warn: () => undefined, error: () => undefined },
  })
  try {
    await checkDatabase(db, file)
    await migrateDatabase(db)
    return db
  } catch (error) {
    await db.destroy()
    throw error
  }
}

function prepare(connection: Connection, done: (error: Error | null, connection: Connection) => void): void {
  // FULL: with WAL, NORMAL may lose commits that were already answered when the machine loses power.
  const pragmas = 'journal_mode = WAL; synchronous = FULL; foreign_keys = ON; busy_timeout = 5000; secure_delete = ON'
  const sql = pragmas
    .split(';')
    .map((pragma) => `PRAGMA ${pragma.trim()};`)
    .join('\n')
  connection.exec(sql, (error) => done(error, connection))
}

async function checkDatabase(db: Knex, file: string): Promise<void> {
  const damaged = (cause?: unknown) =>
    new DatabaseError(`The database ${file} is damaged: restore it from a backup, or move it away to start anew.`, {
      cause,
    })
  let rows: { quick_check: string }[]
  try {
    rows = await db.raw('PRAGMA quick_check(1)')
  } catch (error) {
    if (/SQLITE_(NOTADB|CORRUPT)/.test(String((error as { code?: string }).code))) throw damaged(error)
    throw error
  }
  if (rows[0]?.quick_check !== 'ok') throw damaged(rows[0]?.quick_check)
}
