import { grantMedia, listGrants, revokeGrant } from '../../shared/wire/grants.ts'
import { createGrants } from '../grants/grants.ts'
import type { Api } from './api.ts'

export function registerGrants({ handle, deps }: Api): void {
  const grants = createGrants(deps)
  handle(grantMedia, { auth: 'person', limit: 'write' }, ({ actor, params }) =>
    grants.grant(actor, params.mediaId, params.connectionId),
  )
  handle(revokeGrant, { auth: 'person', limit: 'write' }, ({ actor, params }) =>
    grants.revoke(actor, params.mediaId, params.connectionId),
  )
  handle(listGrants, { auth: 'person', limit: 'read' }, async ({ actor, params }) => ({
    connectionIds: await grants.list(actor, params.mediaId),
  }))
}
