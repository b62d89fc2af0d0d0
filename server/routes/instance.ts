import { readInstance } from '../../shared/wire/accounts.ts'
import { VERSION } from '../version.ts'
import type { Api } from './api.ts'

export function registerInstance({ handle, deps }: Api): void {
  handle(readInstance, { auth: 'none', limit: 'read' }, async () => ({
    version: VERSION,
    needsOwner: (await deps.db('accounts').first('user_id')) === undefined,
    signup: deps.config.signup,
    putMaxBytes: deps.config.putMaxBytes,
    objectMaxBytes: deps.config.objectMaxBytes,
  }))
}
