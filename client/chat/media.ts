import { verifyAndOpenDocument } from '../../shared/crypto/document.ts'
import { cardKeyOf, contentKeyOf, readMediaRecord, takeMedia } from '../../shared/device/media-store.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { ConnectionId, MediaId } from '../../shared/format/ids.ts'
import { type Card, card } from '../../shared/wire/card.ts'
import { grantMedia, listGrants, revokeGrant } from '../../shared/wire/grants.ts'
import { deleteMedia, type MediaRecord, readMedia } from '../../shared/wire/media.ts'
import type { MediaReference, MessageRef } from '../../shared/wire/message-body.ts'
import { isOnlyHere } from '../upload/copy.ts'
import { readUpload } from '../upload/record.ts'
import type { Uploads } from '../upload/uploads.ts'
import type { ChatContext } from './context.ts'
import type { Outbox } from './outbox.ts'
import { bodyOf, refOf } from './rows.ts'
import type { Waiting } from './store.ts'

type Options = { readonly text?: string; readonly reply?: MessageRef }

/** Files in conversations: sealed and sent as every upload is, with their keys inside the message. */
export class ChatMedia {
  readonly #context: ChatContext
  readonly #outbox: () => Outbox
  /** Written down in the outbox, and about to be in the uploads. */
  readonly #starting = new Set<MediaId>()
  #uploads: Uploads | undefined

  constructor(context: ChatContext, outbox: () => Outbox) {
    this.#context = context
    this.#outbox = outbox
  }

  /** @returns the end of it. */
  connect(uploads: Uploads): () => void {
    this.#uploads = uploads
    let known = new Set(uploads.all.value.keys())
    return uploads.all.watch((all) => {
      const isDone = [...known].some((media) => !all.has(media))
      known = new Set(all.keys())
      if (isDone) void this.#outbox().kickAll()
      this.onProgress()
    })
  }

  async send(id: ConnectionId, file: File, { text, reply }: Options): Promise<void> {
    const prepared = await this.#prepare(file)
    const media: MediaReference = { ...prepared.media, kind: kindOf(file.type) }
    await this.#add(id, prepared, { media, ...(text ? { text } : {}), ...(reply ? { reply } : {}) })
  }

  async sendVoice(
    id: ConnectionId,
    sound: Blob,
    { durationMs, waveform }: { durationMs: number; waveform: readonly number[] },
  ): Promise<void> {
    const name = `voice.${sound.type.includes('mp4') ? 'm4a' : 'webm'}`
    const prepared = await this.#prepare(isOnlyHere(new File([sound], name, { type: sound.type })))
    const media: MediaReference = {
      ...prepared.media,
      kind: 'voice',
      durationMs: Math.round(durationMs),
      waveform: waveform.slice(0, 64).map((peak) => Math.min(31, Math.max(0, Math.round(peak)))),
    }
    await this.#add(id, prepared, { media })
  }

  /** Passes an item of the library on to one friend. @throws {AppError} `key/unavailable`, `media/not-found` */
  async share(id: ConnectionId, mediaId: MediaId): Promise<void> {
    const record =
      (await readMediaRecord(mediaId)) ?? (await this.#context.api.call(readMedia, { params: { mediaId } }))
    const { revision, sealed } = record.card
    const { body } = await verifyAndOpenDocument(
      { label: 'kith/v1/card', id: mediaId, revision },
      await cardKeyOf(record),
      sealed,
      {
        schema: card,
        // One's own library showed it before: who wrote the description makes no difference to passing it on.
        verifyAuthor: () => true,
      },
    )
    const media = { mediaId, contentKey: await contentKeyOf(record), ...referenceOf(body) }
    await this.#outbox().add(id, 'media', { media }, { awaits: mediaId })
  }

  /** Takes it back: the friend's access ends, and the messages that carried it go; those that wait are not sent. */
  async unshare(id: ConnectionId, mediaId: MediaId): Promise<void> {
    const { api, me, store } = this.#context
    // First: what goes out after the grant has ended would grant it again.
    await this.#outbox().takeBackAll(
      id,
      ({ type, body }) => type === 'media' && bodyOf(type, body).media.mediaId === mediaId,
    )
    await api.call(revokeGrant, { params: { mediaId, connectionId: id } })
    for (const target of (await store.placesOf(id, mediaId)).map(refOf)) {
      if (target.senderId === me.userId) await this.#outbox().addDeletion(id, target)
    }
  }

  /** Before a message goes out: its item is whole at the server, and the friend may fetch it. */
  async ready(id: ConnectionId, { content }: Waiting): Promise<'ready' | 'waiting'> {
    const mediaId = content.awaits
    if (!mediaId) return 'ready'
    if (this.#starting.has(mediaId) || (await readUpload(mediaId))) return 'waiting'
    const { state } = await this.#context.api.call(readMedia, { params: { mediaId } }).catch((error: unknown) => {
      // Cancelled, or lost before it began.
      throw isAppError(error, 'media/not-found') ? new AppError('upload/source-changed', 'the file is gone') : error
    })
    if (state !== 'ready') throw new AppError('upload/source-changed', 'the upload is not there any more')
    await this.#context.api.call(grantMedia, { params: { mediaId, connectionId: id } })
    return 'ready'
  }

  /** A message that was not sent is taken back: nothing more of its file goes out. */
  async drop({ content }: Pick<Waiting, 'content'>): Promise<void> {
    if (content.type !== 'media') return
    const { mediaId } = bodyOf('media', content.body).media
    if (await readUpload(mediaId)) this.#uploads?.cancel(mediaId)
  }

  /** The friend's access to an item ends with the last message that gave it; what lay in chats alone is deleted. */
  async withdraw(id: ConnectionId, mediaId: MediaId): Promise<void> {
    const { api } = this.#context
    if (await readUpload(mediaId)) return this.#uploads?.cancel(mediaId)
    await api.call(revokeGrant, { params: { mediaId, connectionId: id } })
    const record = (await readMediaRecord(mediaId)) ?? (await api.call(readMedia, { params: { mediaId } }))
    if (!(await isInChat(record))) return
    const { connectionIds } = await api.call(listGrants, { params: { mediaId } })
    if (connectionIds.length > 0) return
    await api.call(deleteMedia, { params: { mediaId } })
    // Its wrapped key goes from this device at once.
    await takeMedia([{ ...record, state: 'deleted' }])
  }

  async retry(waiting: Waiting | undefined): Promise<void> {
    const media = waiting?.content.awaits
    if (media && (await readUpload(media))) await this.#uploads?.retry(media)
  }

  progressOf({ content }: Waiting): number | null {
    if (content.awaits === null) return null
    const view = this.#uploads?.all.value.get(content.awaits)
    if (!view) return content.failed ? null : 1
    return view.totalBytes === 0 ? 0 : Math.min(1, view.sentBytes / view.totalBytes)
  }

  /** Called when an upload has moved. */
  onProgress: () => void = () => undefined

  async #prepare(file: File) {
    if (!this.#uploads) throw new AppError('internal', 'uploads are not there yet')
    const { prepared, start } = await this.#uploads.prepareInChat(file)
    const { mediaId, contentKey } = prepared
    return { media: { mediaId, contentKey, ...referenceOf(prepared.card) }, start }
  }

  /** First the message, then the upload that it waits for: a crash between the two leaves nothing that nobody sees. */
  async #add(
    id: ConnectionId,
    { media: { mediaId }, start }: { media: MediaReference; start: () => Promise<void> },
    body: { media: MediaReference; text?: string; reply?: MessageRef },
  ): Promise<void> {
    this.#starting.add(mediaId)
    try {
      await this.#outbox().add(id, 'media', body, { awaits: mediaId, isHeld: true })
      await start()
    } finally {
      this.#starting.delete(mediaId)
    }
    this.#outbox().kick(id)
  }
}

function referenceOf(of: Card): Omit<MediaReference, 'mediaId' | 'contentKey'> {
  const { fileName, type, sizeBytes, width, height, durationMs, thumbhash, hasThumb } = of
  return {
    kind: kindOf(type),
    name: fileName,
    type,
    sizeBytes,
    hasThumb,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(thumbhash === undefined ? {} : { thumbhash }),
  }
}

function kindOf(type: string): MediaReference['kind'] {
  if (type.startsWith('image/')) return 'photo'
  if (type.startsWith('video/')) return 'video'
  return type.startsWith('audio/') ? 'audio' : 'file'
}

async function isInChat(record: MediaRecord): Promise<boolean> {
  const { revision, sealed } = record.card
  const { body } = await verifyAndOpenDocument(
    { label: 'kith/v1/card', id: record.mediaId, revision },
    await cardKeyOf(record),
    sealed,
    {
      schema: card,
      verifyAuthor: () => true,
    },
  )
  return body.inChat === true
}
