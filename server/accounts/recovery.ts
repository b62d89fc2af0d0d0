import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { DeviceId, UserId } from '../../shared/format/ids.ts'
import { RECOVERY_LABEL } from '../../shared/logs/identity.ts'
import { verifySignature } from '../../shared/logs/signed.ts'
import type { AccountRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { createOnce } from '../once.ts'
import { createSession } from './sessions.ts'

const CHALLENGE_MS = 120_000
/** RFC 8032 §7.1, test 1: stands in where there is no key, so that the check costs the same. */
const NOBODY = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')

export interface Recovery {
  /** A challenge for every name, known or not. */
  start(username: string): Promise<{ challengeId: string; challenge: Bytes }>
  /** @throws {AppError} `recovery/failed`, for every cause alike. */
  finish(answer: { challengeId: string; sig: Bytes; deviceId: DeviceId }): Promise<{ token: string }>
}

/** docs/protocol.md §3, "Recovery without the password". */
export function createRecovery(deps: Deps): Recovery {
  const pending = createOnce<{ userId: UserId | null; publicKey: Uint8Array; challenge: Bytes }>(deps, CHALLENGE_MS)
  return {
    async start(username) {
      const row = await deps.db<AccountRow>('accounts').where({ username }).first('user_id', 'recovery_key')
      const challenge = deps.random(32)
      const isThere = row !== undefined && row.recovery_key !== null
      const challengeId = pending.put({
        userId: isThere ? row.user_id : null,
        publicKey: row?.recovery_key ?? NOBODY,
        challenge,
      })
      return { challengeId, challenge }
    },
    async finish({ challengeId, sig, deviceId }) {
      const state = pending.take(challengeId)
      const isProven = state && verifySignature(RECOVERY_LABEL, state.challenge, sig, state.publicKey)
      const { userId } = state ?? { userId: null }
      if (!isProven || userId === null) throw new AppError('recovery/failed', 'name or recovery key are wrong')
      return deps.db.transaction(async (trx) => {
        const row = await trx<AccountRow>('accounts').where({ user_id: userId }).first('recovery_key')
        if (!row?.recovery_key) throw new AppError('recovery/failed', 'name or recovery key are wrong')
        return createSession(deps, trx, userId, deviceId)
      })
    },
  }
}
