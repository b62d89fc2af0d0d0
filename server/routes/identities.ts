import { AppError } from '../../shared/errors.ts'
import { verifyStatement } from '../../shared/logs/identity.ts'
import { appendIdentity, readIdentity } from '../../shared/wire/accounts.ts'
import { appendIdentityEntry, readIdentityLog } from '../accounts/identity-log.ts'
import type { Api } from './api.ts'

export function registerIdentities({ handle, deps, limits }: Api): void {
  handle(readIdentity, { auth: 'member-or-worker', limit: 'read' }, async ({ params }) => {
    const entries = await readIdentityLog(deps.db, params.userId)
    if (entries.length === 0) throw new AppError('request/not-found', 'there is no such person')
    return { entries }
  })
  handle(appendIdentity, { auth: 'person', limit: 'write' }, async ({ actor, body }) => {
    await limits.consume('identity', actor.userId)
    if (verifyStatement(body.entry).userId !== actor.userId) throw new AppError('identity/changed', 'of another person')
    await deps.db.transaction((trx) => appendIdentityEntry(trx, actor.userId, body.ifHead, body.entry))
  })
}
