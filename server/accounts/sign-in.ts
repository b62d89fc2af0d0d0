import { AppError } from '../../shared/errors.ts'
import type { DeviceId, UserId } from '../../shared/format/ids.ts'
import type { AccountRow, OpaqueRecordRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import { createOnce } from '../once.ts'
import { destroyAccount } from './destroy.ts'
import { answerLogin, provesPassword, type Slot } from './opaque.ts'
import { createSession } from './sessions.ts'

const SIGN_IN_MS = 60_000
/** A refusal takes at least this long, so that the time does not tell a wrong password from what else may be the cause. */
const REFUSAL_MS = 250

interface Pending {
  username: string
  userId: UserId | null
  slots: readonly [PendingSlot, PendingSlot]
}
interface PendingSlot {
  record: string | null
  state: string
}

export interface SignIn {
  /** Answers both slots, whether there are such an account and such passwords or not. */
  start(username: string, requests: readonly [string, string]): Promise<{ signInId: string; responses: string[] }>
  /** @param before token of the session that the browser has. @throws {AppError} `auth/failed`, for every cause alike. */
  finish(
    attempt: { signInId: string; slot: Slot; finish: string; deviceId: DeviceId },
    before: string | null,
  ): Promise<{ token: string }>
}

/** docs/protocol.md §3, "Sign-in". */
export function createSignIn(deps: Deps): SignIn {
  const pending = createOnce<Pending>(deps, SIGN_IN_MS)
  return {
    async start(username, requests) {
      const { userId, records } = await readRecords(deps.db, username)
      const answer = (slot: Slot) => answerLogin(deps.secrets, username, slot, records[slot], requests[slot])
      const [first, second] = [answer(0), answer(1)]
      const signInId = pending.put({
        username,
        userId,
        slots: [
          { record: records[0], state: first.state },
          { record: records[1], state: second.state },
        ],
      })
      return { signInId, responses: [first.response, second.response] }
    },
    async finish({ signInId, slot, finish, deviceId }, before) {
      const refusable = sleep(REFUSAL_MS)
      const session = await attempt()
      if (session) return session
      await refusable
      throw new AppError('auth/failed', 'name or password are wrong')

      async function attempt(): Promise<{ token: string } | null> {
        const state = pending.take(signInId)
        if (!state || !provesPassword(state.slots[slot].state, state.username, slot, finish)) return null
        const { userId } = state
        if (userId === null) return null
        if (slot === 1) {
          await destroyAccount(deps, userId, before)
          return null
        }
        return deps.db.transaction(async (trx) => {
          // A password that was changed since the first step opens nothing any more.
          const { records } = await readRecords(trx, state.username)
          return records[0] === state.slots[0].record ? createSession(deps, trx, userId, deviceId, before) : null
        })
      }
    },
  }
}

async function readRecords(
  db: Db,
  username: string,
): Promise<{ userId: UserId | null; records: [string | null, string | null] }> {
  const rows = await db('accounts')
    .leftJoin('opaque_records', 'opaque_records.user_id', 'accounts.user_id')
    .where({ username })
    .select<(Pick<AccountRow, 'user_id'> & Pick<OpaqueRecordRow, 'slot' | 'record'>)[]>(
      'accounts.user_id',
      'slot',
      'record',
    )
  const recordOf = (slot: Slot) => rows.find((row) => row.slot === slot)?.record ?? null
  return { userId: rows[0]?.user_id ?? null, records: [recordOf(0), recordOf(1)] }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
