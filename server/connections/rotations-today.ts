import { ROTATIONS_A_DAY } from '../../shared/wire/connections.ts'
import type { ConnectionEntryRow } from '../db/chat-rows.ts'
import type { Db, Deps } from '../deps.ts'
import { RateLimitedError } from '../middleware/problems.ts'
import type { Side } from './store.ts'

const DAY_MS = 86_400_000
/** Before it are the request and its answer. */
const FIRST_ROTATION = 2

/**
 * Each rotation leaves a secret in the friend's vault, for as long as messages of its epoch are kept. Those that are
 * stored count, in the table: whoever loses a race loses nothing, and a restart gives nobody a second helping.
 * @throws {RateLimitedError}
 */
export async function requireFewRotations({ clock, config }: Deps, trx: Db, side: Side): Promise<void> {
  const now = clock.now()
  const most = ROTATIONS_A_DAY * config.rateScale
  const oldest = await trx<ConnectionEntryRow>('connection_entries')
    .where({ connection_id: side.connection_id, author_id: side.me })
    .where('seq', '>=', FIRST_ROTATION)
    .where('created_at', '>', now - DAY_MS)
    .orderBy('seq', 'desc')
    .offset(most - 1)
    .first('created_at')
  if (oldest) throw new RateLimitedError(oldest.created_at + DAY_MS - now)
}
