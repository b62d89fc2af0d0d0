import { objectId } from '../../shared/crypto/object-key.ts'
import type { KeepRule, KeptRow } from '../../shared/device/db.ts'
import { changeKept, listKept, readKeepRules, readKept, removeKept, writeKeepRule } from '../../shared/device/kept.ts'
import {
  countPieces,
  itemsWithPieces,
  KEPT_CHANNEL,
  PIECE_BYTES,
  removeObjects,
  removePieces,
} from '../../shared/device/kept-pieces.ts'
import { contentKeyOf, readMediaRecord } from '../../shared/device/media-store.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import type { Card } from '../../shared/wire/card.ts'
import { isPassing } from '../app/passing.ts'
import { Signal } from '../app/signal.ts'
import type { Item } from '../media/items.ts'
import { fetchInBackground, stopFetching } from './background.ts'
import { keepItem } from './keep-item.ts'
import { choicesOf, isToBeMade, USUAL_LINES, usualHeight } from './plan.ts'
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
  /** Whether somebody is there who makes renditions. */
  hasWorker(group: GroupId): boolean
  /** Told while something comes: it is not to be interrupted. */
  setBusy(isOn: boolean): void
}

/** What came of wanting to keep items: how many are in line now, and how many were here or in line already; not those that cannot be had. */
export type Begun = { readonly begun: number; readonly known: number }

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
   *   until all of that is here. Left out: what suits a phone, once it is made, and nothing new for what is kept, paused,
   *   or on its way.
   */
  async keep(items: readonly Item[], height?: number | null): Promise<Begun> {
    const counts = { begun: 0, known: 0 }
    for (const item of items) {
      const { record, card } = item
      if (!card || record.state !== 'ready') continue
      if (height === undefined) {
        counts[await this.#keepUsual(newRow(item, card, USUAL_LINES))] += 1
        await this.#settle(item)
      } else {
        counts.begun += 1
        await changeKept(record.mediaId, (now) => {
          const row = now && now.state !== 'refused' ? now : newRow(item, card, null)
          const isSame = row.state === 'kept' && row.height === height
          const { most: _most, ...chosen } = isSame ? row : { ...waitingAgain(row), height, revision: 0 }
          return { ...chosen, byRule: false }
        })
        this.#stop(record.mediaId, height)
      }
    }
    await this.#changed()
    this.run()
    return counts
  }

  /** What somebody chose by hand stays, also when it is no longer among the newest. */
  async #keepUsual(fresh: KeptRow): Promise<'begun' | 'known'> {
    let isBegun = true
    await changeKept(fresh.mediaId, (row) => {
      if (!row || row.state === 'refused') return fresh
      isBegun = row.state === 'failed' || row.state === 'no-room'
      return { ...(isBegun ? waitingAgain(row) : row), ...noted(mostOf(row)), byRule: false }
    })
    return isBegun ? 'begun' : 'known'
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

  /** Leaves it as it was kept before something else of it was wanted; where nothing was, takes it off. */
  async cancel(media: MediaId): Promise<void> {
    const revision = (await readMediaRecord(media))?.workerDocument?.revision ?? 0
    const back = await this.#change(
      media,
      (row) => row?.before && { ...asBefore(row), problem: null, cancelled: revision },
    )
    if (!back) return this.remove(media)
    this.#counted.delete(media)
    this.#stop(media)
    await dropRest(media)
    await this.#changed()
    this.run()
  }

  /** Takes an item off this device, and no rule brings it again; for what found no room there may be some now. */
  async remove(media: MediaId): Promise<void> {
    const rules = await readKeepRules()
    const isRefused = await this.#change(media, (row) => (row?.groupId && rules.has(row.groupId) ? refused(row) : null))
    if (!isRefused) await this.#takeOff(media)
    else {
      this.#stop(media)
      await removePieces(media)
    }
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

  /**
   * Keeps the newest of a group from now on; 0 ends that and takes those off that nobody chose by hand.
   * @param most as in a row.
   */
  async keepNewest(group: GroupId, newest: number, most: number | null = USUAL_LINES): Promise<void> {
    await writeKeepRule(group, newest > 0 ? { newest, most } : null)
    await this.follow(group)
    if (newest > 0) return
    for (const row of await listKept()) if (row.byRule && row.groupId === group) await this.#takeOff(row.mediaId)
    await this.#changed()
  }

  /**
   * After the library changed: keeps what is new by rule, and takes off what is not; where nobody chose a height, goes by
   * what the worker has made since.
   */
  async follow(group: GroupId): Promise<void> {
    const rule = (await readKeepRules()).get(group)
    if (!rule && !(await listKept()).some(({ groupId }) => groupId === group)) return
    const items = await this.#ports.list(group)
    let isChanged = rule ? await this.#followRule(group, rule, items) : false
    const open = new Set((await listKept()).filter((row) => mostOf(row) !== undefined).map(({ mediaId }) => mediaId))
    for (const item of items) if (open.has(item.record.mediaId) && (await this.#settle(item))) isChanged = true
    if (!isChanged) return
    await this.#changed()
    this.run()
  }

  async #followRule(group: GroupId, rule: KeepRule, items: readonly Item[]): Promise<boolean> {
    const { newest, most = USUAL_LINES } = rule
    const fresh = items.flatMap((item) =>
      item.record.state === 'ready' && item.card ? newRow(item, item.card, most, true) : [],
    )
    fresh.splice(newest)
    const wanted = new Set(fresh.map(({ mediaId }) => mediaId))
    const watched = await readWatched()
    const ofRule = (await listKept()).filter(({ byRule, groupId }) => byRule && groupId === group)
    const tooOld = ofRule.filter(({ mediaId }) => !wanted.has(mediaId) && !watched.has(mediaId))
    for (const { mediaId } of tooOld) await this.#takeOff(mediaId)
    let isChanged = tooOld.length > 0
    for (const row of fresh) {
      const change = await this.#change(row.mediaId, (now) => {
        if (!now) return row
        const { tooLarge: _room, cancelled: _cancelled, ...rest } = now
        return now.byRule && now.most !== most ? { ...rest, most } : null
      })
      if (change) isChanged = true
    }
    return isChanged
  }

  /** Where nobody chose a height: waits for the worker, or goes by what it has made. @returns whether anything changed. */
  async #settle(item: Item): Promise<boolean> {
    const { record, card, made } = item
    if (!card) return false
    const { mediaId, groupId, workerDocument } = record
    const isToCome = isToBeMade(item, this.#ports.hasWorker(groupId))
    const row = await this.#change(mediaId, (now) => {
      const most = now ? mostOf(now) : undefined
      if (!now || most === undefined || now.state === 'refused') return null
      if (most !== null && isToCome) return now.state === 'waiting' ? { ...now, state: 'unmade' } : null
      const height = usualHeight(choicesOf(card, made), most)
      if (now.state === 'unmade') return { ...now, state: 'waiting', height }
      if (now.height === height) return null
      // The other one may fit.
      if (now.state === 'no-room') return { ...waitingAgain(now), height }
      if (now.state !== 'kept') return { ...now, height }
      return isWanted(now, workerDocument?.revision ?? 0) ? { ...waitingAgain(now), height } : null
    })
    if (row) this.#stop(mediaId, row.state === 'waiting' ? row.height : undefined)
    return row !== null
  }

  /** Of which groups anything is kept, or is to be. */
  async groups(): Promise<ReadonlySet<GroupId>> {
    const ofRows = (await listKept()).flatMap(({ groupId }) => groupId ?? [])
    return new Set([...ofRows, ...(await readKeepRules()).keys()])
  }

  /**
   * After the device caught up: what may no longer be seen (deleted, removed from the group) goes, with bytes that no
   * row names, as a program leaves them that was stopped; what the worker has changed since is fetched again, and what
   * the browser has thrown away.
   * @param mayKeep whether the device still knows the item and holds its keys.
   */
  async sweep(mayKeep: (row: KeptRow) => Promise<{ revision: number } | null>): Promise<void> {
    for (const row of await listKept()) {
      const now = await mayKeep(row)
      if (!now) await this.#takeOff(row.mediaId)
      else if (
        row.state === 'kept' &&
        row.height !== null &&
        now.revision > row.revision &&
        isWanted(row, now.revision)
      )
        await changeKept(row.mediaId, (same) => (same?.state === 'kept' ? waitingAgain(same) : null))
      else if (row.state === 'kept') await this.#setRight(row)
    }
    for (const media of await itemsWithPieces()) {
      const row = await readKept(media)
      if (!row || row.state === 'no-room' || row.state === 'refused') await removePieces(media)
    }
    await this.#changed()
    this.run()
  }

  /**
   * Browsers that run out of room may throw pieces away and leave the row; what is still here plays on meanwhile. Pieces
   * of another quality that was given up stay where Kith was stopped before it gave their room back.
   */
  async #setRight({ mediaId, objects }: KeptRow): Promise<void> {
    if (this.#counted.has(mediaId)) return
    this.#counted.add(mediaId)
    const counts = await countPieces(mediaId)
    if (!counts) return
    const named = new Set(objects.map(({ objectId: id }) => id))
    if ([...counts.keys()].some((id) => !named.has(id))) await dropRest(mediaId)
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
      const item = await this.#ports.read(mediaId)
      const { record, card, made } = item
      if (await this.#settle(item)) {
        await this.#changed()
        return true
      }
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
      if (stop.signal.aborted) {
        // Cancelled, it is kept as it was before: what came until just now gives its room back.
        await dropRest(mediaId)
        return true
      }
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
    const after = await this.#change(media, (row) => {
      // Paused meanwhile, or taken off: what is here stays, resp. is gone.
      if (row?.state !== 'waiting') return null
      const { before } = row
      if (!before) return { ...row, state: 'no-room', objects: [], problem: 'offline/no-room' }
      // It plays on as it was kept. That there is no room for what nobody asked for is no news to anybody.
      const isAsked = before.height !== row.height && row.most === undefined
      return { ...asBefore(row), ...(isAsked ? { problem: 'offline/no-room' } : { problem: null, tooLarge: revision }) }
    })
    if (after?.state === 'no-room') await removePieces(media)
    else if (after) await dropRest(media)
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

  /** @returns the row after it; `null`: it was left as it is. */
  async #change(media: MediaId, change: (row: KeptRow | null) => KeptRow | null | undefined): Promise<KeptRow | null> {
    let after: KeptRow | null = null
    await changeKept(media, (row) => {
      after = change(row) ?? null
      return after
    })
    return after
  }

  async #changed(): Promise<void> {
    this.#tabs.postMessage('changed')
    await this.#look()
  }

  async #look(): Promise<void> {
    const rows = (await listKept()).filter(({ state }) => state !== 'refused')
    this.rows.value = new Map(rows.map((row) => [row.mediaId, row]))
  }
}

function newRow({ record, made }: Item, card: Card, most: number | null, byRule = false): KeptRow {
  const { mediaId, groupId } = record
  const height = usualHeight(choicesOf(card, made), most)
  const at = { createdAt: Date.now(), watchedAt: Date.now() }
  return { mediaId, groupId, state: 'waiting', height, most, revision: 0, objects: [], problem: null, ...at, byRule }
}

/** Nothing is left of it but that it is not wanted. Goes with the rule, and when it is no longer among the newest. */
function refused({ mediaId, groupId, createdAt, watchedAt }: KeptRow): KeptRow {
  const nothing = { height: null, revision: 0, objects: [], problem: null }
  return { mediaId, groupId, state: 'refused', ...nothing, createdAt, watchedAt, byRule: true }
}

/** In line, and if it was kept, with what it falls back to. */
function waitingAgain(row: KeptRow): KeptRow {
  const again = { ...row, state: 'waiting', problem: null } as const
  if (row.state !== 'kept') return again
  const { height, most, revision, master, objects } = row
  const before = { height, ...noted(most), revision, ...(master === undefined ? {} : { master }), objects }
  return { ...again, before }
}

function asBefore({ before, most: _most, ...row }: KeptRow): KeptRow {
  return { ...row, ...before, state: 'kept' }
}

/** Most lines where nobody chose a height; `undefined`: somebody did. */
function mostOf({ most, byRule }: KeptRow): number | null | undefined {
  return most === undefined && byRule ? USUAL_LINES : most
}

const noted = (most: number | null | undefined) => (most === undefined ? {} : { most })

/** Whether what the worker made at that revision is to be fetched by itself. */
function isWanted({ tooLarge = -1, cancelled = -1 }: KeptRow, revision: number): boolean {
  return revision > Math.max(tooLarge, cancelled)
}

/** Nothing half kept beside what is whole: what else was fetched gives its room back. */
async function dropRest(media: MediaId): Promise<void> {
  const row = await readKept(media)
  if (row?.state !== 'kept') return
  const whole = new Set(row.objects.map((object) => object.objectId))
  await removeObjects(media, (id) => whole.has(id))
}

/** What a browser's storage throws is not in its specification: an item that meets it must not hold up the others. */
function faultOf(error: unknown): AppError {
  if (isAppError(error)) return error
  if (!(error instanceof DOMException)) reportError(error)
  const isFull = error instanceof DOMException && error.name === 'QuotaExceededError'
  return new AppError(isFull ? 'offline/no-room' : 'offline/storage', 'the browser refused to store', { cause: error })
}
