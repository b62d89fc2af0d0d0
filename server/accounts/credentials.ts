import type * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import type { UserId } from '../../shared/format/ids.ts'
import { checkUnlockMethods, type Identity } from '../../shared/logs/identity.ts'
import type { passwordRecords, UnlockBox } from '../../shared/wire/accounts.ts'
import type { OpaqueRecordRow, UnlockBoxRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import { isRecord } from './opaque.ts'

type PasswordRecords = z.output<typeof passwordRecords>

/** @throws {AppError} `request/invalid` */
export function checkRecords({ secrets }: Deps, { password, destruction }: PasswordRecords): void {
  for (const record of [password, destruction]) {
    if (record !== null && !isRecord(secrets, record)) throw new AppError('request/invalid', 'not a record of OPAQUE')
  }
}

/** Replaces both slots. */
export async function storeRecords(trx: Db, userId: UserId, { password, destruction }: PasswordRecords): Promise<void> {
  await trx<OpaqueRecordRow>('opaque_records').where({ user_id: userId }).delete()
  await trx<OpaqueRecordRow>('opaque_records').insert({ user_id: userId, slot: 0, record: password })
  if (destruction !== null) {
    await trx<OpaqueRecordRow>('opaque_records').insert({ user_id: userId, slot: 1, record: destruction })
  }
}

/** Adds or replaces boxes of the account key. @throws {AppError} `identity/foreign-method`, `request/invalid` */
export async function storeUnlockBoxes(trx: Db, identity: Identity, boxes: readonly UnlockBox[]): Promise<void> {
  const methods = boxes.map(({ method }) => method)
  checkUnlockMethods(identity, methods)
  if (new Set(methods).size !== methods.length) throw new AppError('request/invalid', 'two boxes for one method')
  for (const { method, sealed } of boxes) {
    await trx<UnlockBoxRow>('unlock_boxes')
      .insert({ user_id: identity.userId, method, sealed: Buffer.from(sealed) })
      .onConflict(['user_id', 'method'])
      .merge()
  }
}
