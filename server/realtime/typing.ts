import * as z from 'zod/mini'
import { clientEvents } from '../../shared/wire/events.ts'
import type { Person } from '../actor.ts'
import { areFriends, findSide } from '../connections/store.ts'
import type { Deps } from '../deps.ts'
import type { Limits } from '../middleware/limits.ts'
import { RateLimitedError } from '../middleware/problems.ts'

/**
 * Passes on that somebody types, to the friend alone; nothing of it is kept. Whatever cannot be read, comes too often
 * or goes to nobody is ignored: an answer would tell who is blocked.
 */
export async function relayTyping(deps: Deps, limits: Limits, person: Person, payload: unknown): Promise<void> {
  const parsed = z.safeParse(clientEvents.typing, payload)
  if (!parsed.success) return
  try {
    await limits.consume('typing', person.userId)
  } catch (refusal) {
    if (refusal instanceof RateLimitedError) return
    throw refusal
  }
  const side = await findSide(deps.db, parsed.data.connectionId, person.userId)
  if (side && areFriends(side)) deps.events.publish({ account: side.peer_id }, 'typing', parsed.data)
}
