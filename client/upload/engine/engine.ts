import { objectId } from '../../../shared/crypto/object-key.ts'
import type { UploadRow } from '../../../shared/device/db.ts'
import { openDevice } from '../../../shared/device/db.ts'
import { readGroupKeys } from '../../../shared/device/group-keys.ts'
import { removeStrayPieces } from '../../../shared/device/shares.ts'
import { AppError, type ErrorCode, isAppError } from '../../../shared/errors.ts'
import { equalBytes } from '../../../shared/format/bytes.ts'
import type { MediaId } from '../../../shared/format/ids.ts'
import { layoutFor, sealedSize } from '../../../shared/format/layout.ts'
import { ORIGINAL, THUMB } from '../../../shared/format/object-name.ts'
import { createMedia, deleteMedia, finishMedia, readMedia } from '../../../shared/wire/media.ts'
import { Api } from '../../app/api.ts'
import { keepCopy, openCopy, type Source } from '../copy.ts'
import { isPassing, type UploadProgress } from '../messages.ts'
import {
  changeUpload,
  forgetUpload,
  listUploads,
  openUpload,
  readUpload,
  THUMB_PIECE,
  type UploadSecret,
  waitsForKeys,
} from '../record.ts'
import { beginAnew } from './anew.ts'
import { Backlog } from './backlog.ts'
import { pieceAt, pieceCount, piecesBefore, piecesOf } from './pieces.ts'
import { sealAhead } from './seal-ahead.ts'
import { putObject, type SendPorts, sendByTus } from './send.ts'
import type { Spool } from './spool.ts'

/** Below this an object goes in one request (architecture: `PUT` up to 32 MiB). */
const PUT_MAX_BYTES = 32 * 2 ** 20
const RETRY_MS = 5000

/** Takes uploads one after the other through their steps; each step may be repeated after a crash. */
export class Engine {
  readonly #api = new Api()
  readonly #spool: Spool
  readonly #tell: (progress: UploadProgress) => void
  readonly #files = new Map<MediaId, Blob>()
  readonly #running = new Map<MediaId, AbortController>()
  readonly #keeping = new Map<MediaId, Promise<boolean>>()
  /** No copy of them fitted: a disk is not filled anew each time that one of them stops. */
  readonly #tooLarge = new Set<MediaId>()
  #areCopiesCleared = false
  #working = false
  #again = false

  constructor(spool: Spool, tell: (progress: UploadProgress) => void) {
    this.#spool = spool
    this.#tell = tell
  }

  /** A file that was picked, for the first time or again. */
  give(media: MediaId, file: Blob): void {
    this.#files.set(media, file)
    this.#tooLarge.delete(media)
    void this.work()
  }

  /** The network is gone: nothing that was picked must hang on this page. */
  async keepAll(): Promise<void> {
    for (const mediaId of [...this.#files.keys()]) await this.#keep(mediaId)
  }

  /** Only the tab that holds the lock works; another takes over when it closes. */
  async work(): Promise<void> {
    this.#again = true
    if (this.#working) return
    this.#working = true
    await navigator.locks.request('kith/uploader', async () => {
      while (this.#again) {
        this.#again = false
        await this.#clearStrays()
        for (const { mediaId } of await listUploads()) {
          // As it is when its turn comes: cancelled meanwhile, or under newer keys.
          const row = await readUpload(mediaId)
          if (row) await this.#run(row)
        }
      }
    })
    this.#working = false
    // What came in between letting go of the lock and here.
    if (this.#again) void this.work()
  }

  async cancel(media: MediaId): Promise<void> {
    this.#running.get(media)?.abort()
    const row = await readUpload(media)
    await forgetUpload(media)
    await this.#spool.clear(media)
    this.#files.delete(media)
    if (row && row.step !== 'register') {
      await this.#api.call(deleteMedia, { params: { mediaId: media } }).catch(() => undefined)
    }
    const none = { sealedBytes: 0, sentBytes: 0, totalBytes: 0 }
    this.#tell({ mediaId: media, phase: 'cancelled', ...none, code: null, isKept: false })
  }

  async #run(row: UploadRow): Promise<void> {
    const { mediaId } = row
    const stop = async (code: ErrorCode) => {
      const isKept = await this.#keep(mediaId)
      if (abort.signal.aborted) return
      this.#tell({ mediaId, phase: 'stopped', sealedBytes: 0, sentBytes: row.sentBytes, totalBytes: 0, code, isKept })
    }
    const abort = new AbortController()
    // Said once more: the page that heard of it may be closed.
    if (waitsForKeys(row)) return stop('group/needs-rotation')
    this.#running.set(mediaId, abort)
    try {
      await this.#steps(row, await openUpload(row), abort.signal)
    } catch (error) {
      if (abort.signal.aborted || isAppError(error, 'job/cancelled')) return
      const code = isAppError(error) ? error.code : 'internal'
      // Where a newer version has taken the database, nothing can be noted: the row stays as it was, and goes on after a reload.
      await changeUpload(mediaId, { problem: code }).catch(() => undefined)
      if (code === 'upload/source-changed') this.#files.delete(mediaId)
      await stop(code)
      if (isPassing(code)) setTimeout(() => void this.work(), RETRY_MS)
    } finally {
      this.#running.delete(mediaId)
    }
  }

  /** @returns whether it goes on without this page. */
  async #keep(mediaId: MediaId): Promise<boolean> {
    const row = await readUpload(mediaId)
    const file = this.#files.get(mediaId)
    if (!row || row.copy || row.isSpooled || !file) return Boolean(row?.copy || row?.isSpooled)
    if (this.#tooLarge.has(mediaId)) return false
    const keeping = this.#keeping.get(mediaId) ?? openUpload(row).then((secret) => keepCopy(secret, file))
    this.#keeping.set(mediaId, keeping)
    try {
      const isKept = await keeping
      if (!isKept) this.#tooLarge.add(mediaId)
      return isKept
    } catch (error) {
      // Locked meanwhile, or a storage that fails: it hangs on this page, as it says.
      if (!isAppError(error) && !(error instanceof DOMException)) throw error
      return false
    } finally {
      this.#keeping.delete(mediaId)
    }
  }

  /** What is sealed: the file as it was picked here, or the copy that lies on the device. */
  async #sourceOf({ mediaId, copy }: UploadRow, { copyKey, sizeBytes }: UploadSecret): Promise<Source | undefined> {
    return this.#files.get(mediaId) ?? (copy && copyKey && openCopy(copy, copyKey, sizeBytes))
  }

  async #steps(started: UploadRow, secret: UploadSecret, signal: AbortSignal): Promise<void> {
    const { mediaId } = started
    let row: UploadRow | null = started
    if (row.step === 'register') {
      await this.#register(secret)
      row = await changeUpload(mediaId, { step: 'thumb', problem: null })
    }
    if (row?.step === 'thumb') {
      const thumb = await (await openDevice()).get('blobs', [mediaId, THUMB_PIECE])
      const ports = { signal, onSent() {}, onAcknowledged() {}, onUploadUrl() {} }
      if (thumb) await putObject(mediaId, await objectId(secret.contentKey, THUMB), new Blob([thumb]), ports)
      row = await changeUpload(mediaId, { step: 'original', problem: null })
    }
    if (row?.step === 'original') {
      if (!(await this.#original(row, secret, signal))) return
      row = await changeUpload(mediaId, { step: 'finish', problem: null })
    }
    if (row?.step === 'finish') {
      const originalId = await objectId(secret.contentKey, ORIGINAL)
      await this.#api.call(finishMedia, { params: { mediaId }, body: { originalId } })
      await forgetUpload(mediaId)
      await this.#spool.clear(mediaId)
      this.#files.delete(mediaId)
      const totalBytes = sealedSize(layoutFor(secret.sizeBytes))
      const all = { sealedBytes: totalBytes, sentBytes: totalBytes, totalBytes }
      this.#tell({ mediaId, phase: 'done', ...all, code: null, isKept: true })
    }
  }

  /** @throws {AppError} `group/needs-rotation`: it has to be sealed under other keys first. */
  async #register({ media }: UploadSecret): Promise<void> {
    const { mediaId, groupId, epoch } = media
    const known = await readGroupKeys(groupId)
    // A server that helps somebody who was removed would take it under the key that they have.
    if (known && Math.max(...known.keys()) > epoch) throw new AppError('group/needs-rotation', 'there is a newer key')
    try {
      await this.#api.call(createMedia, { body: media })
    } catch (error) {
      // Died between the answer and the note of it: then it is there already, and it is ours.
      if (!isAppError(error, 'object/conflict')) throw error
      const { card } = await this.#api.call(readMedia, { params: { mediaId } })
      // From before the group's key changed: what is sealed under the new keys nobody could open there.
      if (!equalBytes(card.sealed, media.card.sealed)) throw error
    }
  }

  /** @returns `false` when the file has to be picked again. */
  async #original(row: UploadRow, secret: UploadSecret, signal: AbortSignal): Promise<boolean> {
    // Nothing is known to be sealed; an old profile that came back would not know either, and the file may be another by now.
    const isFirst = row.sealedPieces === 0 && (await this.#sourceOf(row, secret)) !== undefined
    const started = isFirst ? await beginAnew(row, secret, this.#spool) : { row, secret }
    let went = await this.#sealAndSend(started.row, started.secret, signal)
    if (went === 'server-is-ahead') {
      const anew = await beginAnew(row, secret, this.#spool)
      went = await this.#sealAndSend(anew.row, anew.secret, signal)
    }
    if (went === 'server-is-ahead') throw new AppError('server/bad-answer', 'it says to have what was never sent')
    return went === 'sent'
  }

  /** Both at the same time. `server-is-ahead`: it has bytes that this device does not know to have sealed. */
  async #sealAndSend(
    row: UploadRow,
    secret: UploadSecret,
    outer: AbortSignal,
  ): Promise<'sent' | 'needs-file' | 'server-is-ahead'> {
    const { mediaId } = row
    const layout = layoutFor(secret.sizeBytes)
    const totalBytes = sealedSize(layout)
    const count = pieceCount(layout)
    const file = await this.#sourceOf(row, secret)
    let { sealedPieces, sentBytes } = row
    const stop = new AbortController()
    outer.addEventListener('abort', () => stop.abort(new AppError('job/cancelled', 'cancelled')), { once: true })
    const { signal } = stop
    const spooled = new Set(await this.#spool.pieces(mediaId))
    const first = piecesBefore(layout, sentBytes)
    const wanted = Array.from({ length: count - first }, (_, at) => first + at).filter((index) => !spooled.has(index))
    const backlog = new Backlog(this.#spool, mediaId, spooled, signal)
    let isKept = row.copy !== undefined
    const tell = (phase: 'sealing' | 'sending' | 'needs-file') =>
      this.#tell({
        mediaId,
        phase,
        sealedBytes: Math.round((totalBytes * sealedPieces) / count),
        sentBytes,
        totalBytes,
        code: null,
        isKept,
      })

    if (!file && wanted.length > 0) {
      await changeUpload(mediaId, { problem: 'upload/source-changed' })
      tell('needs-file')
      return 'needs-file'
    }
    tell('sealing')
    const seal = async () => {
      if (file) {
        await sealAhead({
          mediaId,
          secret,
          file,
          sealedPieces,
          wanted,
          signal,
          room: () => backlog.room(),
          onPiece: (index, sealed) => {
            sealedPieces = Math.max(sealedPieces, index + 1)
            backlog.add(index, sealed)
            tell(sentBytes > 0 ? 'sending' : 'sealing')
          },
        })
      }
      const isSpooled = await backlog.sealed()
      await changeUpload(mediaId, { isSpooled })
      isKept ||= isSpooled
    }
    let acknowledged = sentBytes
    const acknowledge = (bytes: number) => {
      acknowledged = bytes
      backlog.acknowledge(piecesBefore(layout, bytes))
    }
    acknowledge(sentBytes)
    // Recorded in an earlier run, or handed over in this one.
    let knownBytes = row.sealedPieces === 0 ? 0 : pieceAt(layout, row.sealedPieces - 1).to
    let isServerAhead = false
    const read = async (start: number, end: number): Promise<Blob> => {
      const pieces = piecesOf(layout, start, end)
      const gone = async () => {
        // The server forgot what it had acknowledged: sealed again from there, from the same file.
        await changeUpload(mediaId, { sentBytes: start })
        return new AppError('upload/source-changed', 'a sealed piece is gone')
      }
      if (start < acknowledged) throw await gone()
      if (start > knownBytes) {
        isServerAhead = true
        const error = new AppError('server/bad-answer', 'the server has more than is known to be sealed')
        // Else tus would ask again, and sealing go on.
        stop.abort(error)
        throw error
      }
      // What is asked for says what the server has.
      acknowledge(start)
      await backlog.has(pieces.map(({ index }) => index))
      const parts = await Promise.all(
        pieces.map(async ({ index, from, to }) => {
          const piece = await backlog.read(index)
          if (!piece || piece.size !== to - from) throw await gone()
          return piece.slice(Math.max(0, start - from), Math.min(to, end) - from)
        }),
      )
      knownBytes = Math.max(knownBytes, end)
      return new Blob(parts)
    }
    const ports: SendPorts = {
      signal,
      onSent: (bytes) => {
        sentBytes = bytes
        tell('sending')
      },
      onAcknowledged: (bytes) => {
        acknowledge(bytes)
        void changeUpload(mediaId, { sentBytes: bytes })
      },
      onUploadUrl: (uploadUrl) => void changeUpload(mediaId, { uploadUrl }),
    }
    const object = await objectId(secret.contentKey, ORIGINAL)
    const sealing = seal()
    const sending =
      totalBytes <= PUT_MAX_BYTES
        ? read(0, totalBytes)
            .then((body) => putObject(mediaId, object, body, ports))
            .then(() => acknowledge(totalBytes))
        : sendByTus(mediaId, object, totalBytes, read, row.uploadUrl, ports)
    try {
      await Promise.all([sealing, sending])
    } catch (error) {
      stop.abort(error)
      await Promise.allSettled([sealing, sending])
      await backlog.settled()
      if (isServerAhead && !outer.aborted) return 'server-is-ahead'
      throw error
    }
    return 'sent'
  }

  /** Pieces that no upload names: of uploads that were cancelled or finished while this program died. */
  async #clearStrays(): Promise<void> {
    if (!this.#areCopiesCleared) await removeStrayPieces()
    this.#areCopiesCleared = true
    const known = new Set((await listUploads()).map(({ mediaId }) => mediaId))
    for (const media of await this.#spool.list()) if (!known.has(media)) await this.#spool.clear(media)
  }
}
