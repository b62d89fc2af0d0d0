import {
  createMedia,
  deleteMedia,
  finishMedia,
  LEASE_HEADER,
  listMedia,
  listMediaChanges,
  readMedia,
  restoreMedia,
  writeCard,
  writeWorkerDocument,
} from '../../shared/wire/media.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { createMediaRules } from '../media/media.ts'
import { requireLiveMedia } from '../media/store.ts'
import type { Api } from './api.ts'

const person = (limit: 'read' | 'write') => ({ auth: 'person', limit }) as const

export function registerMedia({ handle, deps }: Api, jobs: Jobs): void {
  const media = createMediaRules(deps, jobs)
  handle(createMedia, person('write'), ({ actor, body }) => media.create(actor, body))
  handle(listMedia, person('read'), ({ actor, params, query }) => media.list(actor, params.groupId, query))
  handle(listMediaChanges, person('read'), ({ actor, params, query }) =>
    media.changes(actor, params.groupId, query.since),
  )
  handle(readMedia, { auth: 'member-or-worker', limit: 'read' }, ({ actor, params }) =>
    media.read(actor, params.mediaId),
  )
  handle(writeCard, person('write'), ({ actor, params, body }) => media.writeCard(actor, params.mediaId, body))
  handle(finishMedia, person('write'), ({ actor, params, body }) =>
    media.finish(actor, params.mediaId, body.originalId),
  )
  handle(deleteMedia, person('write'), ({ actor, params }) => media.remove(actor, params.mediaId))
  handle(restoreMedia, person('write'), ({ actor, params }) => media.restore(actor, params.mediaId))
  handle(writeWorkerDocument, { auth: 'worker', limit: 'job' }, async ({ actor, params, body, ctx }) => {
    const row = await requireLiveMedia(deps.db, params.mediaId, actor)
    await jobs.writeDocument(actor, row, ctx.get(LEASE_HEADER), body)
  })
}
