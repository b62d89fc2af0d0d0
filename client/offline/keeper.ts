import { objectId } from '../../shared/crypto/object-key.ts'
import type { KeptRow } from '../../shared/device/db.ts'
import { changeKept, listKept, readKeepRules, removeKept, writeKeepRule } from '../../shared/device/kept.ts'
import {
  countPieces,
  itemsWithPieces,
  KEPT_CHANNEL,
  PIECE_BYTES,
  removeObjects,
  removePieces,
} from '../../shared/device/kept-pieces.ts'
import { contentKeyOf } from '../../shared/device/media-store.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { isPassing } from '../app/passing.ts'
import { Signal } from '../app/signal.ts'
import type { Item } from '../media/items.ts'
import { fetchInBackground, stopFetching } from './background.ts'
import { keepItem } from './keep-item.ts'
import { choicesOf, usualHeight } from './plan.ts'
import { Pulse } from './pulse.ts'
import { hasRoomFor } from './room.ts'
import { readWatched } from './watched.ts'

const LOCK = 'kith/keep'
const RETRY_MS = 15_000
/** Less is here before the system has shown that something is fetched. */
const BACKGROUND_MIN_BYTES = 8 * 2 ** 20

/** What keeping takes from outside. */
export type KeeperPorts = {
  /** @throws {AppError} `media/not-found` where it may no longer be seen. */
  read(media: MediaId): Promise<Item>
  /** Newest first. */
  list(group: GroupId): Promise<readonly Item[]>
  /** Told while something comes: it is not to be interrupted. */
  setBusy(isOn: boolean): void
}

/**
 * Items that stay on this device: one at a time, in one tab at a time, from where it stopped; a closed app goes on when
 * it is opened again. Rows and ciphertext outlive a lock, keys do not.
 */
export class Keeper {
  readonly rows = new Signal<ReadonlyMap<MediaId, KeptRow>>(new Map())
  /** How much of what is being fetched is here, 0 to 1. */
  readonly progress = new Signal<ReadonlyMap<MediaId, number>>(new Map())
  readonly #ports: KeeperPorts
  readonly #pulse: Pulse
  readonly #tabs = new BroadcastChannel(KEPT_CHANNEL)
  #current: { media: MediaId; height: number | null; stop: AbortController } | undefined
  #running: Promise<void> | undefined
  /** Whose pieces were counted since this page is open. */
  readonly #counted = new Set<MediaId>()
  #isWanted = false
  #retry: ReturnType<typeof setTimeout> | undefined

  constructor(ports: KeeperPorts) {
    this.#ports = ports
    this.#pulse = new Pulse((isOn) => ports.setBusy(isOn))
    this.#tabs.onmessage = () => void this.#look().then(() => this.#heed())
    addEventListener('online', () => this.run())
  }

  /** Shows what is kept and goes on with what is not finished. */
  async start(): Promise<void> {
    await this.#look()
    this.run()
  }

  /**
   * @param height lines of the rendition; `null`: the original. What is kept already changes to it, and plays as it was
   *   until all of that is here. Left out: what suits a phone, and nothing new for what is kept or on its way.
   */
  async keep(items: readonly Item[], height?: number | null, byRule = false): Promise<void> {
    for (const { record, card, made } of items) {
      if (!card || record.state !== 'ready') continue
      const { mediaId, groupId } = record
      const wanted = height === undefined ? usualHeight(choicesOf(card, made)) : height
      await changeKept(mediaId, (row) => {
        // What somebody chose by hand stays, also when it is no longer among the newest.
        const chosen = row && { ...row, byRule: byRule && row.byRule }
        const isSame = height === undefined || (row?.state === 'kept' && row.height === height)
        if (chosen && isSame) return chosen.byRule === row.byRule ? null : chosen
        const at = { createdAt: Date.now(), watchedAt: Date.now(), objects: [], mediaId, groupId, byRule }
        return { ...at, ...waitingAgain(chosen), height: wanted, revision: 0 }
      })
      if (height !== undefined) this.#stop(mediaId, height)
    }
    await this.#changed()
    this.run()
  }

  async pause(media: MediaId): Promise<void> {
    await changeKept(media, (row) => (row?.state === 'waiting' ? { ...row, state: 'paused' } : null))
    this.#stop(media)
    await this.#changed()
  }

  async resume(media: MediaId): Promise<void> {
    await changeKept(media, (row) => row && { ...row, state: 'waiting', problem: null })
    await this.#changed()
    this.run()
  }

  /** Takes an item off this device; for what found no room there may be some now. */
  async remove(media: MediaId): Promise<void> {
    await this.#takeOff(media)
    for (const { mediaId } of await listKept()) {
      await changeKept(mediaId, (row) => {
        if (row?.state === 'no-room') return { ...row, state: 'waiting', problem: null }
        const { tooLarge, ...rest } = row ?? {}
        return row && tooLarge !== undefined ? (rest as KeptRow) : null
      })
    }
    await this.#changed()
    this.run()
  }

  async watched(media: MediaId): Promise<void> {
    if (await changeKept(media, (row) => row && { ...row, watchedAt: Date.now() })) await this.#changed()
  }

  /** Keeps the newest of a group from now on; 0 ends that and takes those off that nobody chose by hand. */
  async keepNewest(group: GroupId, newest: number): Promise<void> {
    await writeKeepRule(group, newest > 0 ? { newest, height: null } : null)
    await this.follow(group)
    if (newest > 0) return
    for (const row of await listKept()) if (row.byRule && row.groupId === group) await this.#takeOff(row.mediaId)
    await this.#changed()
  }

  /** After the library changed: keeps what is new by rule, and takes off what is not. */
  async follow(group: GroupId): Promise<void> {
    const rule = (await readKeepRules()).get(group)
    if (!rule) return
    const ready = (await this.#ports.list(group)).filter(({ record, card }) => record.state === 'ready' && card)
    const newest = ready.slice(0, rule.newest)
    const wanted = new Set(newest.map(({ record }) => record.mediaId))
    const watched = await readWatched()
    for (const row of await listKept()) {
      if (row.byRule && row.groupId === group && !wanted.has(row.mediaId) && !watched.has(row.mediaId))
        await this.#takeOff(row.mediaId)
    }
    await this.keep(newest, undefined, true)
  }

  /** Of which groups anything is kept, or is to be. */
  async groups(): Promise<ReadonlySet<GroupId>> {
    const ofRows = (await listKept()).flatMap(({ groupId }) => groupId ?? [])
    return new Set([...ofRows, ...(await readKeepRules()).keys()])
  }

  /**
   * After the device caught up: what may no longer be seen (deleted, removed from the group) goes, with bytes that no
   * row names; what the worker has changed since is fetched again, and what the browser has thrown away.
   * @param mayKeep whether the device still knows the item and holds its keys.
   */
  async sweep(mayKeep: (row: KeptRow) => Promise<{ revision: number } | null>): Promise<void> {
    for (const row of await listKept()) {
      const now = await mayKeep(row)
      if (!now) await this.#takeOff(row.mediaId)
      else if (row.state === 'kept' && row.height !== null && now.revision > Math.max(row.revision, row.tooLarge ?? 0))
        await changeKept(row.mediaId, (same) => same && { ...same, ...waitingAgain(same) })
      else if (row.state === 'kept') await this.#fetchLost(row)
    }
    const rows = new Set((await listKept()).map(({ mediaId }) => mediaId))
    for (const media of await itemsWithPieces()) if (!rows.has(media)) await removePieces(media)
    await this.#changed()
    this.run()
  }

  /** Browsers that run out of room may throw pieces away and leave the row; what is still here plays on meanwhile. */
  async #fetchLost({ mediaId, objects }: KeptRow): Promise<void> {
    if (this.#counted.has(mediaId)) return
    this.#counted.add(mediaId)
    const counts = await countPieces(mediaId)
    if (!counts) return
    const isLost = ({ objectId: id, sealedBytes }: KeptRow['objects'][number]) =>
      (counts.get(id) ?? 0) < Math.ceil((sealedBytes ?? 0) / PIECE_BYTES)
    const lostBytes = objects.filter(isLost).reduce((sum, { sealedBytes }) => sum + (sealedBytes ?? 0), 0)
    if (lostBytes === 0) return
    // What is here plays on; without room it would be thrown away for the sake of the rest.
    const hasRoom = await hasRoomFor(lostBytes)
    await changeKept(mediaId, (row) => {
      if (row?.state !== 'kept') return null
      const rest = row.objects.map((object) => (isLost(object) ? { ...object, sealedBytes: null } : object))
      if (hasRoom) return { ...row, state: 'waiting', objects: rest, revision: 0 }
      return { ...row, state: 'failed', objects: rest, problem: 'offline/no-room' }
    })
  }

  /** Goes on with what waits; where another tab does, once that one is done, or gone. */
  run(): void {
    clearTimeout(this.#retry)
    this.#isWanted = true
    this.#running ??= this.#runLocked().finally(() => {
      this.#running = undefined
      if (this.#isWanted) this.run()
    })
  }

  async #runLocked(): Promise<void> {
    await navigator.locks.request(LOCK, async () => {
      for (;;) {
        this.#isWanted = false
        const [next] = (await listKept())
          .filter(({ state }) => state === 'waiting')
          .sort((a, b) => a.createdAt - b.createdAt)
        if (!next || !(await this.#keepOne(next))) return
      }
    })
  }

  /** @returns whether to go on with the next one. */
  async #keepOne({ mediaId, height }: KeptRow): Promise<boolean> {
    const stop = new AbortController()
    this.#current = { media: mediaId, height, stop }
    let revision = 0
    try {
      const { record, card, made } = await this.#ports.read(mediaId)
      revision = record.workerDocument?.revision ?? 0
      if (!card) throw new AppError('card/tampered', 'its card does not open')
      const estimate =
        choicesOf(card, made).find((choice) => choice.height === height)?.estimatedBytes ?? card.sizeBytes
      const contentKey = await contentKeyOf(record)
      await keepItem(
        { mediaId, card, made, height, contentKey, revision },
        {
          signal: stop.signal,
          idOf: (name) => objectId(contentKey, name),
          came: () => this.#pulse.beat(),
          progress: (part) => {
            this.#pulse.beat()
            this.#setProgress(mediaId, part)
          },
          fetchAhead: async (parts, hereBytes) => {
            const mostBytes = estimate - hereBytes
            if (!(await hasRoomFor(mostBytes))) throw new AppError('offline/no-room', 'not enough room')
            if (mostBytes < BACKGROUND_MIN_BYTES) return
            // The browser goes on with it also while Kith is closed: nothing here is in its way.
            this.#pulse.rest()
            const progress = (bytes: number) => this.#setProgress(mediaId, Math.min(1, bytes / mostBytes))
            const wanted = { mediaId, height, parts, mostBytes: mostBytes * 2 }
            const isCancelled = await fetchInBackground(wanted, { signal: stop.signal, progress })
            if (isCancelled) await this.pause(mediaId)
          },
        },
      )
      await this.#changed()
      return true
    } catch (error) {
      if (stop.signal.aborted) return true
      return await this.#failed(mediaId, faultOf(error), revision)
    } finally {
      this.#current = undefined
      this.#pulse.rest()
      this.#setProgress(mediaId, null)
    }
  }

  async #failed(media: MediaId, error: AppError, revision: number): Promise<boolean> {
    if (isPassing(error) || error.code === 'vault/locked' || error.code === 'auth/required') {
      // Stays in line: the network comes back, or the person does.
      this.#retry = setTimeout(() => this.run(), RETRY_MS)
      return false
    }
    if (error.code === 'media/not-found') await removeKept(media)
    else if (error.code === 'offline/no-room') await this.#noRoom(media, revision)
    else await changeKept(media, (row) => row && { ...row, state: 'failed', problem: error.code })
    await this.#changed()
    return true
  }

  /** @param revision of the worker's document that did not fit. */
  async #noRoom(media: MediaId, revision: number): Promise<void> {
    let isOver = false
    const after = await changeKept(media, (row) => {
      // Paused meanwhile, or taken off: what is here stays, resp. is gone.
      if (row?.state !== 'waiting') return null
      isOver = true
      const { before, ...rest } = row
      const kept = { ...rest, ...before, state: 'kept' } as const
      // It plays on as it was kept. That there is no room for what the worker has made since is no news to anybody.
      if (before?.height === row.height) return { ...kept, problem: null, tooLarge: revision }
      if (before) return { ...kept, problem: 'offline/no-room' }
      return { ...rest, state: 'no-room', objects: [], problem: 'offline/no-room' }
    })
    if (!after || !isOver) return
    // Nothing half kept: what was fetched gives its room back.
    const whole = new Set(after.state === 'kept' ? after.objects.map(({ objectId }) => objectId) : [])
    if (whole.size === 0) await removePieces(media)
    else await removeObjects(media, (id) => whole.has(id))
  }

  async #takeOff(media: MediaId): Promise<void> {
    this.#stop(media)
    await removeKept(media)
  }

  /** @param but what is on its way at this height goes on. */
  #stop(media: MediaId, but?: number | null): void {
    const current = this.#current
    if (current?.media === media && current.height !== but) current.stop.abort()
    void stopFetching(media, but).catch(() => undefined)
  }

  /** Another tab may have paused, changed or taken off what this one fetches. */
  #heed(): void {
    const current = this.#current
    const row = current && this.rows.value.get(current.media)
    if (row?.state !== 'waiting' || row.height !== current?.height) current?.stop.abort()
  }

  #setProgress(media: MediaId, part: number | null): void {
    const progress = new Map(this.progress.value)
    if (part === null) progress.delete(media)
    else progress.set(media, part)
    this.progress.value = progress
  }

  async #changed(): Promise<void> {
    this.#tabs.postMessage('changed')
    await this.#look()
  }

  async #look(): Promise<void> {
    this.rows.value = new Map((await listKept()).map((row) => [row.mediaId, row]))
  }
}

/** In line, and if it was kept, with what it falls back to. */
function waitingAgain(row: KeptRow | null): Partial<KeptRow> & Pick<KeptRow, 'state' | 'problem'> {
  const again = { ...row, state: 'waiting', problem: null } as const
  if (row?.state !== 'kept') return again
  const { height, revision, master, objects } = row
  return { ...again, before: { height, revision, objects, ...(master === undefined ? {} : { master }) } }
}

/** What a browser's storage throws is not in its specification: an item that meets it must not hold up the others. */
function faultOf(error: unknown): AppError {
  if (isAppError(error)) return error
  if (!(error instanceof DOMException)) reportError(error)
  const isFull = error instanceof DOMException && error.name === 'QuotaExceededError'
  return new AppError(isFull ? 'offline/no-room' : 'offline/storage', 'the browser refused to store', { cause: error })
}
