import type { Knex } from 'knex'
import { AppError } from '../../shared/errors.ts'
import type { GroupId, MediaId, ObjectId } from '../../shared/format/ids.ts'
import type { MediaRecord, NewMedia } from '../../shared/wire/media.ts'
import { type Actor, memberIdOf, type Person } from '../actor.ts'
import type { GroupRow, MediaRow, ObjectRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { requireMember } from '../groups/access.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { readPage } from './page.ts'
import { presentGranted } from './present.ts'
import {
  announce,
  changeMedia,
  nextChange,
  presentAll,
  readRecord,
  requireLiveMedia,
  requireMedia,
  requireReadableMedia,
} from './store.ts'

const PAGE_MAX = 200
/** Items of one person that are still on their way. */
const PENDING_MAX = 1000
/** How long a delete can be taken back. */
export const UNDO_MS = 3600_000

export type Sealed = { revision: number; sealed: Uint8Array }

/** The rules of items, without HTTP. */
export function createMediaRules(deps: Deps, jobs: Jobs) {
  const { db, clock } = deps
  return {
    /** Idempotent for the same item. @throws {AppError} `group/not-member`, `group/needs-rotation`, `object/conflict` */
    async create(actor: Person, item: NewMedia): Promise<MediaRecord> {
      await db.transaction(async (trx) => {
        await requireMember(trx, item.groupId, actor)
        const group = await trx<GroupRow>('groups').where({ group_id: item.groupId }).first('epoch')
        const known = await trx<MediaRow>('media').where({ media_id: item.mediaId }).first()
        if (known) {
          const isSame = known.author_id === actor.userId && known.wrapped_content.equals(item.wrappedContent)
          if (!isSame) throw new AppError('object/conflict', 'another item has this id')
          return
        }
        // Sealed under a key that somebody who left may still have.
        if (item.epoch !== group?.epoch) throw new AppError('group/needs-rotation', 'the group has a newer key')
        if (item.card.revision !== 1) throw new AppError('log/conflict', 'a new item has revision 1')
        await requireFewPending(trx, actor)
        await trx<MediaRow>('media').insert({
          media_id: item.mediaId,
          group_id: item.groupId,
          author_id: actor.userId,
          epoch: item.epoch,
          wrapped_content: Buffer.from(item.wrappedContent),
          wrapped_card: Buffer.from(item.wrappedCard),
          card_revision: 1,
          card_sealed: Buffer.from(item.card.sealed),
          document_revision: 0,
          document_sealed: null,
          document_worker: null,
          document_fence: null,
          state: 'uploading',
          deleted_at: null,
          change_seq: await nextChange(trx, item.groupId),
          created_at: clock.now(),
        })
      })
      return published(item.mediaId)
    },

    /** Newest first; `before` is `<createdAt>.<mediaId>`. */
    async list(actor: Actor, groupId: GroupId, query: { before?: string | undefined; limit?: number | undefined }) {
      await requireMember(db, groupId, actor)
      const limit = Math.min(PAGE_MAX, Math.max(1, query.limit ?? 60))
      const changes = await db('media_changes').where({ group_id: groupId }).first('seq')
      const newest = db<MediaRow>('media')
        .where({ group_id: groupId, deleted_at: null })
        .where(isShownTo(actor))
        .modify((builder) => {
          const [at, id] = (query.before ?? '').split('.')
          if (id !== undefined) void builder.whereRaw('(created_at, media_id) < (?, ?)', [Number(at), id])
        })
        .orderBy([
          { column: 'created_at', order: 'desc' },
          { column: 'media_id', order: 'desc' },
        ])
      const { rows, more } = await readPage(db, newest, limit)
      const last = rows.at(-1)
      const next = more && last ? `${last.created_at}.${last.media_id}` : null
      return { items: await presentAll(db, rows), next, changeSeq: (changes?.seq as number | undefined) ?? 0 }
    },

    /** Oldest change first, deleted items included. */
    async changes(actor: Actor, groupId: GroupId, since: number) {
      await requireMember(db, groupId, actor)
      const oldest = db<MediaRow>('media')
        .where({ group_id: groupId })
        .where(isShownTo(actor))
        .where('change_seq', '>', since)
        .orderBy('change_seq')
      const { rows, more } = await readPage(db, oldest, PAGE_MAX)
      return { items: await presentAll(db, rows), more }
    },

    async read(actor: Actor, mediaId: MediaId): Promise<MediaRecord> {
      const { granterId } = await requireReadableMedia(db, mediaId, actor)
      const record = await readRecord(db, mediaId)
      return granterId === null ? record : presentGranted(record, granterId)
    },

    /** @throws {AppError} `log/conflict`, `group/forbidden` */
    async writeCard(actor: Person, mediaId: MediaId, card: Sealed): Promise<MediaRecord> {
      await db.transaction(async (trx) => {
        const row = await requireLiveMedia(trx, mediaId, actor)
        await requireMayChange(trx, row, actor)
        if (card.revision !== row.card_revision + 1)
          throw new AppError('log/conflict', 'the card was changed meanwhile')
        await changeMedia(trx, row, { card_revision: card.revision, card_sealed: Buffer.from(card.sealed) })
      })
      return published(mediaId)
    },

    /** The original is there: everybody sees the item, and its job waits. Idempotent. */
    async finish(actor: Person, mediaId: MediaId, originalId: ObjectId): Promise<MediaRecord> {
      await db.transaction(async (trx) => {
        const row = await requireLiveMedia(trx, mediaId, actor)
        if (row.author_id !== actor.userId) throw new AppError('group/forbidden', 'only the author uploads')
        if (row.state === 'ready') return
        const original = await trx<ObjectRow>('objects').where({ media_id: mediaId, object_id: originalId }).first()
        if (!original) throw new AppError('media/not-ready', 'the original is not stored yet')
        await changeMedia(trx, row, { state: 'ready' })
        await jobs.enqueue(trx, row)
      })
      jobs.wake()
      return published(mediaId)
    },

    async remove(actor: Person, mediaId: MediaId): Promise<void> {
      await db.transaction(async (trx) => {
        const row = await requireMedia(trx, mediaId, actor)
        await requireMayChange(trx, row, actor)
        if (row.deleted_at !== null) return
        await changeMedia(trx, row, { deleted_at: clock.now() })
      })
      await published(mediaId)
    },

    /** @throws {AppError} `media/not-found` once the time for it is over. */
    async restore(actor: Person, mediaId: MediaId): Promise<MediaRecord> {
      await db.transaction(async (trx) => {
        const row = await requireMedia(trx, mediaId, actor)
        await requireMayChange(trx, row, actor)
        if (row.deleted_at === null) return
        if (clock.now() - row.deleted_at >= UNDO_MS) throw new AppError('media/not-found', 'it is too late for that')
        await changeMedia(trx, row, { deleted_at: null })
      })
      jobs.wake()
      return published(mediaId)
    },
  }

  async function published(mediaId: MediaId): Promise<MediaRecord> {
    const record = await readRecord(db, mediaId)
    announce(deps, record)
    return record
  }
}
export type MediaRules = ReturnType<typeof createMediaRules>

/** What is still on its way only its author sees. */
const isShownTo = (actor: Actor) => (either: Knex.QueryBuilder) =>
  void either.where({ state: 'ready' }).orWhere({ author_id: memberIdOf(actor) })

/** One person must not fill the tables with items that never come; what is given up is swept. */
async function requireFewPending(trx: Knex, { userId }: Person): Promise<void> {
  const pending = { author_id: userId, state: 'uploading', deleted_at: null } as const
  const row = await trx<MediaRow>('media').where(pending).count({ count: '*' }).first()
  if (Number(row?.count) >= PENDING_MAX) throw new AppError('auth/rate-limited', 'too many unfinished uploads')
}

async function requireMayChange(trx: Parameters<typeof requireMember>[0], row: MediaRow, actor: Person): Promise<void> {
  if (row.author_id === actor.userId) return
  const { role } = await requireMember(trx, row.group_id, actor)
  if (role !== 'owner' && role !== 'admin') throw new AppError('group/forbidden', 'only the author or an admin may')
}
