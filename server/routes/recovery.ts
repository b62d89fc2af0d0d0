import { parseUsername } from '../../shared/format/username.ts'
import { finishRecovery, startRecovery } from '../../shared/wire/accounts.ts'
import { createRecovery } from '../accounts/recovery.ts'
import type { Api } from './api.ts'
import { openSession } from './sessions.ts'

export function registerRecovery({ handle, deps, limits }: Api): void {
  const recovery = createRecovery(deps)

  handle(startRecovery, { auth: 'none', limit: 'recovery' }, async ({ body }) => {
    const username = parseUsername(body.username)
    await limits.consume('recovery-name', username)
    return recovery.start(username)
  })
  handle(finishRecovery, { auth: 'none', limit: 'recovery' }, async ({ body, ctx }) =>
    openSession(deps, ctx, await recovery.finish(body)),
  )
}
