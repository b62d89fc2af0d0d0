import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { KithApp } from '../../client/app/kith-app.ts'
import type { Services } from '../../client/app/services.ts'
import { openDatabase } from '../../server/db/open.ts'
import { sealDocument } from '../../shared/crypto/document.ts'
import { objectId, uploadSalt } from '../../shared/crypto/object-key.ts'
import { newKey, newMediaId } from '../../shared/crypto/random.ts'
import { sealObject } from '../../shared/crypto/seal-object.ts'
import { sign } from '../../shared/crypto/signing.ts'
import { wrapCardKey, wrapContentKey } from '../../shared/crypto/wraps.ts'
import { fromBase64Url } from '../../shared/format/base64url.ts'
import { parseGroupId, parseUserId } from '../../shared/format/ids.ts'
import { THUMB } from '../../shared/format/object-name.ts'
import { card } from '../../shared/wire/card.ts'
import type { Person } from './person.ts'
import type { World } from './world.ts'

const DAY_MS = 86_400_000
/** Written in one go: SQLite takes so many values in one statement. */
const ROWS_AT_ONCE = 50

/**
 * Years of a circle's photos, sealed as the person's own device would, put where the server keeps them. Each has a
 * thumbnail; the originals are not there.
 */
export async function fillLibrary(world: World, person: Person, count: number, perDay = 12): Promise<void> {
  const keys = await keysOf(person)
  const groupId = parseGroupId(keys.groupId)
  const author = parseUserId(keys.author)
  const [seed, groupHead, media, meta] = [keys.seed, keys.head, keys.media, keys.meta].map(fromBase64Url) as [
    Bytes,
    Bytes,
    Bytes,
    Bytes,
  ]
  const picture = new Uint8Array(await readFile(await makePicture(world, 'thumb.webp')))
  const db = await openDatabase(join(world.dataFolder, 'kith.sqlite'))
  try {
    await db('media_changes').insert({ group_id: groupId, seq: 0 }).onConflict('group_id').ignore()
    const start = Number((await db('media_changes').where({ group_id: groupId }).first('seq')).seq)
    for (let from = 0; from < count; from += ROWS_AT_ONCE) {
      const rows = await Promise.all(
        Array.from({ length: Math.min(ROWS_AT_ONCE, count - from) }, async (_, i) => {
          const index = from + i
          const mediaId = newMediaId()
          const [contentKey, cardKey] = [newKey(), newKey()]
          const context = { mediaId, groupId, epoch: keys.epoch }
          const createdAt = Date.now() - Math.floor((index / perDay) * DAY_MS) - DAY_MS
          const sealed = await sealDocument({ label: 'kith/v1/card', id: mediaId, revision: 1 }, cardKey, {
            author,
            groupHead,
            schema: card,
            body: {
              title: `Photo ${index + 1}`,
              fileName: `photo-${index + 1}.jpg`,
              type: 'image/jpeg',
              sizeBytes: 3_000_000,
              width: 320,
              height: 320,
              capturedAt: createdAt,
              hasThumb: true,
            },
            sign: (label, bytes) => sign(seed, label, bytes),
          })
          const thumb = await sealObject({ contentKey, mediaId, name: THUMB }, picture, uploadSalt())
          const id = await objectId(contentKey, THUMB)
          const folder = join(world.dataFolder, 'blobs', mediaId.slice(0, 2), mediaId)
          await mkdir(folder, { recursive: true })
          await writeFile(join(folder, id), thumb)
          const item = {
            media_id: mediaId,
            group_id: groupId,
            author_id: author,
            epoch: keys.epoch,
            wrapped_content: await wrapContentKey(media, context, contentKey),
            wrapped_card: await wrapCardKey(meta, context, cardKey),
            card_revision: 1,
            card_sealed: sealed,
            document_revision: 0,
            state: 'ready',
            change_seq: start + index + 1,
            created_at: createdAt,
          }
          const object = {
            media_id: mediaId,
            object_id: id,
            size_bytes: thumb.length,
            sha256: createHash('sha256').update(thumb).digest(),
            created_at: createdAt,
          }
          return { item, object }
        }),
      )
      await db.transaction(async (trx) => {
        await trx('media').insert(rows.map(({ item }) => item))
        await trx('objects').insert(rows.map(({ object }) => object))
      })
    }
    await db('media_changes')
      .where({ group_id: groupId })
      .update({ seq: start + count })
  } finally {
    await db.destroy()
  }
}

type Bytes = Uint8Array<ArrayBuffer>

/** What the person's own page would seal with. */
function keysOf({ page }: Person) {
  return page.evaluate(() => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { groups } = services.session.requireUnlocked()
    const circle = [...groups.all.value.values()].find(({ kind }) => kind === 'circle')
    if (!circle) throw new Error('no circle')
    const { id, seed } = groups.context.actor()
    const { epoch, media, meta, group } = groups.encryptTo(circle.groupId)
    const text = (bytes: Uint8Array) =>
      btoa(String.fromCharCode(...bytes))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replaceAll('=', '')
    return {
      groupId: circle.groupId as string,
      author: id as string,
      seed: text(seed),
      epoch,
      media: text(media),
      meta: text(meta),
      head: text(group.state.head),
    }
  })
}

/** @returns its path. */
export async function makePicture(world: World, name: string): Promise<string> {
  const path = join(world.folder, name)
  const source = ['-f', 'lavfi', '-i', 'mandelbrot=size=320x320', '-frames:v', '1']
  await promisify(execFile)('ffmpeg', ['-loglevel', 'error', '-y', ...source, '-q:v', '60', path])
  return path
}
