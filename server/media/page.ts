import type { Knex } from 'knex'
import type { MediaRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'

/** Sealed bytes of one answer, unless its first item alone has more. */
const PAGE_BYTES = 4 * 2 ** 20

/** The first of these items, at most `max` and as many as fit into one answer: measured before they are read. */
export async function readPage(
  db: Db,
  query: Knex.QueryBuilder<MediaRow, MediaRow[]>,
  max: number,
): Promise<{ rows: MediaRow[]; more: boolean }> {
  const measured = await query
    .clone()
    .limit(max + 1)
    .select<{ bytes: number }[]>(db.raw('length(card_sealed) + coalesce(length(document_sealed), 0) as bytes'))
  let room = PAGE_BYTES
  let fit = 0
  for (const { bytes } of measured.slice(0, max)) {
    room -= bytes
    if (room < 0 && fit > 0) break
    fit++
  }
  return { rows: await query.clone().limit(fit), more: measured.length > fit }
}
