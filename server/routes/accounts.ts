import { parseUsername } from '../../shared/format/username.ts'
import { changePassword, createAccount, readUnlockBoxes, startRegistration } from '../../shared/wire/accounts.ts'
import * as password from '../accounts/change-password.ts'
import * as accounts from '../accounts/create.ts'
import { answerRegistration, type Slot } from '../accounts/opaque.ts'
import type { UnlockBoxRow } from '../db/rows.ts'
import { toBytes } from '../format.ts'
import type { Groups } from '../groups/groups.ts'
import type { Api } from './api.ts'
import { openSession } from './sessions.ts'

const ACCOUNT_MAX_BYTES = 4 * 2 ** 20

export function registerAccounts({ handle, deps, limits }: Api, groups: Groups): void {
  handle(startRegistration, { auth: 'none', limit: 'sign-up' }, async ({ body }) => {
    const username = parseUsername(body.username)
    // Each answer evaluates the name's OPRF once, as a sign-in does: the two share the budget for guesses.
    await limits.consume('sign-in-name', username)
    return { responses: body.requests.map((it, slot) => answerRegistration(deps.secrets, username, slot as Slot, it)) }
  })
  handle(createAccount, { auth: 'none', limit: 'sign-up', bodyMaxBytes: ACCOUNT_MAX_BYTES }, async ({ body, ctx }) =>
    openSession(deps, ctx, await accounts.createAccount(deps, groups, body)),
  )
  handle(readUnlockBoxes, { auth: 'person', limit: 'read' }, async ({ actor }) => {
    const rows = await deps.db<UnlockBoxRow>('unlock_boxes').where({ user_id: actor.userId }).orderBy('method')
    return { boxes: rows.map(({ method, sealed }) => ({ method, sealed: toBytes(sealed) })) }
  })
  handle(changePassword, { auth: 'person', limit: 'recovery' }, async ({ actor, body }) => {
    await limits.consume('identity', actor.userId)
    await password.changePassword(deps, actor, body)
  })
}
