import { uploadSalt } from '../../shared/crypto/object-key.ts'
import { newKey, newMediaId } from '../../shared/crypto/random.ts'
import { openDevice, type SealedFile, type UploadRow } from '../../shared/device/db.ts'
import { whileWriting } from '../../shared/device/shares.ts'
import { AppError, type ErrorCode, isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { layoutFor, sealedSize } from '../../shared/format/layout.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { NewMedia } from '../../shared/wire/media.ts'
import type { Busy } from '../app/busy.ts'
import { passAppError } from '../app/passing.ts'
import type { Session } from '../app/session.ts'
import { Signal } from '../app/signal.ts'
import { copyFirst, lyingOf } from './copy.ts'
import { readThumb, sealCard, sealThumb } from './first-parts.ts'
import { NewerKeys, sealAnew, wrapKeys } from './item-keys.ts'
import { isPassing, UPLOADS_CHANNEL, type UploadCommand, type UploadProgress } from './messages.ts'
import {
  listUploads,
  openUpload,
  readUpload,
  sealUpload,
  THUMB_PIECE,
  type UploadSecret,
  waitsForKeys,
} from './record.ts'
import { Speed } from './speed.ts'
import { previewOf } from './thumbnail.ts'

/** An upload as the activity screen shows it. */
export type UploadView = UploadProgress & {
  readonly groupId: GroupId
  readonly fileName: string
  readonly createdAt: number
  /** What it is registered as. */
  readonly media: NewMedia
  /** Where its small picture can be shown from; `null`: it has none. Taken back when the upload ends. */
  readonly thumbUrl: string | null
  /** Bytes each second; 0 while unknown. */
  readonly speed: number
}

/** Uploads of this device, whichever tab works on them. */
export class Uploads {
  readonly all = new Signal<ReadonlyMap<MediaId, UploadView>>(new Map())
  /** Called with each item that is complete. */
  onDone: (media: MediaId, group: GroupId) => void = () => undefined
  readonly #session: Session
  readonly #setBusy: (isOn: boolean) => void
  readonly #setHolding: (isOn: boolean) => void
  readonly #channel = new BroadcastChannel(UPLOADS_CHANNEL)
  /** Whose file this page has. */
  readonly #given = new Set<MediaId>()
  readonly #speeds = new Map<MediaId, Speed>()
  readonly #newerKeys = new NewerKeys()
  /** Refused to this tab's worker, since their group's key has changed. */
  readonly #refused = new Set<MediaId>()
  #worker: Worker | undefined

  constructor(session: Session, busy: Busy) {
    this.#session = session
    this.#setBusy = busy.switch('upload')
    this.#setHolding = busy.switch('holding')
    this.#channel.onmessage = ({ data }: MessageEvent<UploadProgress>) => void this.#progress(data)
    session.state.watch(({ kind }) => {
      if (kind === 'unlocked') void this.#restore()
      else this.#hideThumbs()
    })
    if (session.state.value.kind === 'unlocked') void this.#restore()
  }

  /** Whether this page has what was picked. */
  hasFile(media: MediaId): boolean {
    return this.#given.has(media)
  }

  /** Seals a description and a small picture of each file, then hands the file to the upload worker. */
  async add(groupId: GroupId, files: readonly File[]): Promise<void> {
    for (const file of files) {
      const mediaId = newMediaId()
      await this.#start(groupId, mediaId, file, await this.#prepare(groupId, mediaId, file, {}))
    }
  }

  /** A file for a conversation: it lies in the personal group, and its keys travel in a message. */
  async prepareInChat(file: File): Promise<{
    prepared: { mediaId: MediaId; contentKey: Bytes; card: Card }
    start: () => Promise<void>
  }> {
    const { groups } = this.#session.requireUnlocked()
    const personal = [...groups.all.value.values()].find(({ kind }) => kind === 'personal')
    if (!personal) throw new AppError('group/not-found', 'no personal group on this device')
    const { groupId } = personal
    const mediaId = newMediaId()
    const made = await this.#prepare(groupId, mediaId, file, { inChat: true })
    const prepared = { mediaId, contentKey: made.secret.contentKey, card: made.card }
    return { prepared, start: () => this.#start(groupId, mediaId, file, made) }
  }

  async #start(
    groupId: GroupId,
    mediaId: MediaId,
    file: File,
    { secret, thumb }: { secret: UploadSecret; thumb: Bytes | null },
  ): Promise<void> {
    const row = await whileWriting(() => this.#writeDown(groupId, mediaId, file, { secret, thumb }))
    if (!row) return
    this.#given.add(mediaId)
    await this.#show(row, secret)
    this.#command({ type: 'file', mediaId, file })
  }

  /**
   * A file that nobody could pick again lies on the device before it is an upload, and a share is over with the same stroke.
   * @returns `null`: another upload, perhaps of another tab, has taken it over already.
   */
  async #writeDown(
    groupId: GroupId,
    mediaId: MediaId,
    file: File,
    { secret, thumb }: { secret: UploadSecret; thumb: Bytes | null },
  ): Promise<UploadRow | null> {
    const lying = lyingOf(file)
    const copy = lying?.at ?? (secret.copyKey && (await copyFirst(mediaId, secret.copyKey, file)))
    const row: UploadRow = {
      mediaId,
      groupId,
      createdAt: Date.now(),
      sealed: await sealUpload(mediaId, secret),
      step: 'register',
      sealedPieces: 0,
      isSpooled: false,
      sentBytes: 0,
      uploadUrl: null,
      problem: null,
      ...(copy && { copy }),
    }
    const db = await openDevice()
    if (thumb) await db.put('blobs', thumb, [mediaId, THUMB_PIECE])
    const transaction = db.transaction(['uploads', 'shares'], 'readwrite', { durability: 'strict' })
    if (lying) {
      const others = await transaction.objectStore('uploads').getAll()
      if (others.some(({ copy: other }) => isSameFile(other, lying.at))) return null
    }
    await Promise.all([
      transaction.objectStore('uploads').put(row, mediaId),
      lying?.isLast && transaction.objectStore('shares').delete(lying.at.id),
      transaction.done,
    ])
    return row
  }

  /** The file of an upload that was only partly sealed, picked again. */
  again(mediaId: MediaId, file: File): void {
    this.#given.add(mediaId)
    this.#patch(mediaId, { phase: 'waiting', code: null })
    this.#command({ type: 'file', mediaId, file })
  }

  /** @throws {AppError} `group/needs-rotation`: it goes on by itself as soon as it can. */
  async retry(mediaId: MediaId): Promise<void> {
    const view = this.all.value.get(mediaId)
    if (!view) return
    if (view.code === 'group/needs-rotation') {
      await this.#session.requireUnlocked().groups.refreshOne(view.groupId)
      await this.#sealAnew(mediaId)
    }
    this.#begin(mediaId)
  }

  cancel(mediaId: MediaId): void {
    this.#command({ type: 'cancel', mediaId })
  }

  async #prepare(
    groupId: GroupId,
    mediaId: MediaId,
    file: File,
    more: Pick<Card, 'inChat'>,
  ): Promise<{ secret: UploadSecret; thumb: Bytes | null; card: Card }> {
    const { groups } = this.#session.requireUnlocked()
    const preview = await previewOf(file)
    const keys = { contentKey: newKey(), cardKey: newKey() }
    const body: Card = {
      title: file.name.replace(/\.[^.]{1,8}$/, ''),
      fileName: file.name,
      type: file.type || 'application/octet-stream',
      sizeBytes: file.size,
      capturedAt: file.lastModified,
      hasThumb: preview.thumb !== null,
      ...(preview.width === null || preview.height === null ? {} : { width: preview.width, height: preview.height }),
      ...(preview.durationMs === null ? {} : { durationMs: preview.durationMs }),
      ...(preview.thumbhash === null ? {} : { thumbhash: preview.thumbhash }),
      ...more,
    }
    const place = { groupId, mediaId }
    const sealed = await sealCard(groups, place, keys.cardKey, body)
    const media: NewMedia = { ...place, ...(await wrapKeys(groups, place, keys)), card: sealed }
    const plain = preview.thumb && new Uint8Array(await preview.thumb.arrayBuffer())
    const thumb = plain && (await sealThumb(place, keys.contentKey, plain))
    const copyKey = lyingOf(file)?.key ?? newKey()
    const secret = { ...keys, salt: uploadSalt(), fileName: file.name, sizeBytes: file.size, media, copyKey }
    return { secret, thumb, card: body }
  }

  /** The group's key changed while the upload waited for its turn: goes on once there is a newer one. */
  async #goOn(mediaId: MediaId): Promise<void> {
    if (this.#refused.has(mediaId)) return
    this.#refused.add(mediaId)
    try {
      const row = await readUpload(mediaId)
      if (!row || !waitsForKeys(row)) return
      const { media } = await openUpload(row)
      await this.#newerKeys.after(media.epoch, media.groupId, this.#session.requireUnlocked().groups)
      await this.#sealAnew(mediaId)
      this.#begin(mediaId)
    } catch (error) {
      // It says already why it is stopped; after a lock, a start goes on with it.
      passAppError(error)
    } finally {
      this.#refused.delete(mediaId)
    }
  }

  async #sealAnew(mediaId: MediaId): Promise<void> {
    const media = await sealAnew(this.#session.requireUnlocked().groups, mediaId)
    if (media) this.#patch(mediaId, { media })
  }

  #begin(mediaId: MediaId): void {
    this.#patch(mediaId, { phase: 'waiting', code: null })
    this.#command({ type: 'work' })
  }

  /** After a start: shows what is under way, and goes on with it. */
  async #restore(): Promise<void> {
    const rows = await listUploads()
    for (const row of rows) {
      const known = this.all.value.get(row.mediaId)
      if (known?.thumbUrl) continue
      try {
        const secret = await openUpload(row)
        if (known) this.#patch(row.mediaId, { thumbUrl: await thumbUrlOf(secret) })
        else await this.#show(row, secret)
      } catch (error) {
        if (!isAppError(error)) throw error
      }
    }
    if (rows.length > 0) this.#command({ type: 'work' })
  }

  /** Uploads outlive a lock, what was opened of them does not. */
  #hideThumbs(): void {
    for (const { mediaId, thumbUrl } of this.all.value.values()) {
      if (!thumbUrl) continue
      this.#patch(mediaId, { thumbUrl: null })
      URL.revokeObjectURL(thumbUrl)
    }
  }

  async #show(row: UploadRow, secret: UploadSecret): Promise<void> {
    const view: UploadView = {
      mediaId: row.mediaId,
      groupId: row.groupId,
      fileName: secret.fileName,
      createdAt: row.createdAt,
      media: secret.media,
      thumbUrl: await thumbUrlOf(secret),
      speed: 0,
      phase: row.problem ? 'stopped' : 'waiting',
      sealedBytes: 0,
      sentBytes: row.sentBytes,
      totalBytes: sealedSize(layoutFor(secret.sizeBytes)),
      code: row.problem as ErrorCode | null,
      isKept: row.isSpooled || row.copy !== undefined,
    }
    this.#set(row.mediaId, view)
  }

  async #progress(progress: UploadProgress): Promise<void> {
    const { mediaId } = progress
    const view = this.all.value.get(mediaId)
    if (!view) return
    if (progress.phase === 'cancelled' || progress.phase === 'done') {
      this.#set(mediaId, null)
      if (progress.phase === 'done') this.onDone(mediaId, view.groupId)
      return
    }
    const speed = progress.phase === 'sending' ? this.#speedOf(mediaId).take(progress.sentBytes, Date.now()) : 0
    const totalBytes = progress.totalBytes || view.totalBytes
    this.#set(mediaId, { ...view, ...progress, totalBytes, speed })
  }

  #speedOf(mediaId: MediaId): Speed {
    const speed = this.#speeds.get(mediaId) ?? new Speed()
    this.#speeds.set(mediaId, speed)
    return speed
  }

  #patch(mediaId: MediaId, change: Partial<UploadView>): void {
    const view = this.all.value.get(mediaId)
    if (view) this.#set(mediaId, { ...view, ...change })
  }

  #set(mediaId: MediaId, view: UploadView | null): void {
    const all = new Map(this.all.value)
    const { thumbUrl } = all.get(mediaId) ?? {}
    if (view) all.set(mediaId, view)
    else {
      all.delete(mediaId)
      this.#given.delete(mediaId)
      this.#speeds.delete(mediaId)
    }
    this.all.value = all
    if (!view && thumbUrl) URL.revokeObjectURL(thumbUrl)
    const views = [...all.values()]
    this.#setBusy(views.some(({ phase }) => phase === 'waiting' || phase === 'sealing' || phase === 'sending'))
    this.#setHolding(views.some((one) => hangsOnPage(one) && this.#given.has(one.mediaId)))
  }

  #command(command: UploadCommand): void {
    if (!this.#worker) {
      this.#worker = new Worker(new URL('../workers/upload.worker.ts', import.meta.url), {
        type: 'module',
        name: 'upload',
      })
      this.#worker.addEventListener('message', ({ data }: MessageEvent<UploadProgress>) => {
        void this.#progress(data)
        if (data.code === 'group/needs-rotation') void this.#goOn(data.mediaId)
      })
    }
    this.#worker.postMessage(command)
  }
}

function isSameFile(one: SealedFile | undefined, other: SealedFile): boolean {
  return one?.id === other.id && one.file === other.file
}

/** It goes on by itself, but of its file there is no more than the page has where it was picked. */
function hangsOnPage({ phase, code, isKept }: UploadView): boolean {
  return phase === 'stopped' && !isKept && (isPassing(code) || code === 'group/needs-rotation')
}

/** The small picture that lies sealed on the device until the upload ends, opened; `null`: none, or not as it was sealed. */
async function thumbUrlOf(secret: UploadSecret): Promise<string | null> {
  try {
    const thumb = await readThumb(secret)
    return thumb && URL.createObjectURL(new Blob([thumb]))
  } catch (error) {
    if (!isAppError(error)) throw error
    return null
  }
}
