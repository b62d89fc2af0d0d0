import { block, listBlocks, readPerson, searchPeople, unblock } from '../../shared/wire/people.ts'
import { createBlocks } from '../people/blocks.ts'
import { createPeople } from '../people/people.ts'
import type { Api } from './api.ts'

export function registerPeople({ handle, deps, limits }: Api): void {
  const people = createPeople(deps)
  const blocks = createBlocks(deps)
  handle(searchPeople, { auth: 'person', limit: 'read' }, async ({ actor, query }) => {
    await limits.consume('search', actor.userId)
    return { people: await people.search(actor, query.name) }
  })
  handle(readPerson, { auth: 'person', limit: 'read' }, ({ actor, params }) => people.read(actor, params.userId))
  handle(listBlocks, { auth: 'person', limit: 'read' }, async ({ actor }) => ({ people: await blocks.list(actor) }))
  handle(block, { auth: 'person', limit: 'write' }, ({ actor, params }) => blocks.block(actor, params.userId))
  handle(unblock, { auth: 'person', limit: 'write' }, ({ actor, params }) => blocks.unblock(actor, params.userId))
}
