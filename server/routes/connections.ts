import {
  appendConnectionLog,
  denyConnection,
  endConnection,
  listConnections,
  requestConnection,
} from '../../shared/wire/connections.ts'
import { createConnections } from '../connections/connections.ts'
import { askToConnect } from '../connections/request.ts'
import type { Api } from './api.ts'

const write = { auth: 'person', limit: 'write', bodyMaxBytes: 128 * 1024 } as const

export function registerConnections({ handle, deps, limits }: Api): void {
  const connections = createConnections(deps)
  handle(listConnections, { auth: 'person', limit: 'read' }, ({ actor, query }) => connections.list(actor, query.since))
  handle(requestConnection, write, async ({ actor, body }) => {
    await limits.consume('request', actor.userId)
    return askToConnect(deps, actor, body)
  })
  handle(appendConnectionLog, write, async ({ actor, params, body }) => {
    await limits.consume('rotation', actor.userId)
    // The friend's devices keep it as they keep messages.
    await limits.consume('message-bytes', actor.userId, body.entry.bytes.length)
    return connections.append(actor, params.connectionId, body)
  })
  handle(denyConnection, write, ({ actor, params }) => connections.deny(actor, params.connectionId))
  handle(endConnection, write, ({ actor, params }) => connections.end(actor, params.connectionId))
}
