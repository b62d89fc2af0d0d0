import {
  type OpenedDocument,
  sealDocument,
  verifyAndOpenDocument,
  workerDocumentKey,
} from '../../shared/crypto/document.ts'
import type { EpochKeys } from '../../shared/crypto/group-key.ts'
import { sign } from '../../shared/crypto/signing.ts'
import { unwrapCardKey, unwrapContentKey } from '../../shared/crypto/wraps.ts'
import {
  advanceCursor,
  cardKeyOf,
  listMediaRecords,
  readCursor,
  readMediaRecord,
  readMediaRecords,
  readSeen,
  writeCursor,
} from '../../shared/device/media-store.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { checkAuthorship } from '../../shared/logs/group-authorship.ts'
import { type Card, card } from '../../shared/wire/card.ts'
import {
  deleteMedia,
  listMedia,
  listMediaChanges,
  type MediaRecord,
  readMedia,
  restoreMedia,
  writeCard,
} from '../../shared/wire/media.ts'
import { type WorkerDocument, workerDocument } from '../../shared/wire/worker-document.ts'
import { nextTask } from '../app/next-task.ts'
import { isPassing } from '../app/passing.ts'
import type { Services } from '../app/services.ts'
import { type Group, verifyMember, verifyWorker } from '../groups/group.ts'
import { GroupItems } from './group-items.ts'
import { bucketOf, NEWEST, type Opened, OpenedStore } from './opened-store.ts'
import { forgetPictures } from './pictures.ts'
import { takeShown } from './taking.ts'

/** An item as people see it; what could not be opened carries why. */
export type Item = {
  readonly record: MediaRecord
  readonly card: Card | null
  readonly made: WorkerDocument | null
  readonly fault: AppError | null
}

/** What people say about an item. */
export type CardChange = Partial<Pick<Card, 'title' | 'description'>>

const PAGE = 60
/** What the first screens show, also on a desk. */
const NEWEST_ITEMS = 120
/** Few enough that a phone draws in between. */
const OPEN_AT_ONCE = 8
const READ_AT_ONCE = 20

/** Whether an item is something to look at or listen to; every other file is kept as it is. */
export function isMedia({ type }: Pick<Card, 'type'>): boolean {
  return /^(video|image|audio)\//.test(type)
}

/** What somebody changed of the description that they were shown; `null`: nothing. */
export function changeOf(shown: Pick<Card, 'title' | 'description'>, wanted: Required<CardChange>): CardChange | null {
  const change = {
    ...(wanted.title === shown.title ? {} : { title: wanted.title.trim() }),
    ...(wanted.description === (shown.description ?? '') ? {} : { description: wanted.description }),
  }
  return Object.keys(change).length > 0 ? change : null
}

/** Where an item stands in the library. */
export function takenAtOf({ card, record }: Item): number {
  return card?.capturedAt ?? record.createdAt
}

/** Opens card and worker document, each verified against the group's log. A fault of one item is its own. */
export async function openItem(group: Group, record: MediaRecord): Promise<Item> {
  try {
    const opened = await openCard(group, record)
    return { record, card: opened.body, made: await openWorkerDocument(group, record), fault: null }
  } catch (error) {
    if (!isAppError(error)) throw error
    return { record, card: null, made: null, fault: error }
  }
}

async function openCard(group: Group, record: MediaRecord): Promise<OpenedDocument<Card>> {
  const { mediaId: id } = record
  const { revision, sealed } = record.card
  const opened = await verifyAndOpenDocument(
    { label: 'kith/v1/card', id, revision },
    await unwrapCardKey(epochOf(group, record).meta, record, record.wrappedCard),
    sealed,
    {
      schema: card,
      verifyAuthor: (author, ...signed) => verifyMember(group, author, ...signed),
    },
  )
  checkAuthorship(group.state, { ...opened, notBefore: (await readSeen(id))?.card.notBefore ?? -1 })
  return opened
}

async function openWorkerDocument(group: Group, record: MediaRecord): Promise<WorkerDocument | null> {
  const { workerDocument: kept, mediaId: id } = record
  if (!kept) return null
  const contentKey = await unwrapContentKey(epochOf(group, record).media, record, record.wrappedContent)
  const key = await workerDocumentKey(contentKey)
  const name = { label: 'kith/v1/worker-doc', id, revision: kept.revision } as const
  const opened = await verifyAndOpenDocument(name, key, kept.sealed, {
    schema: workerDocument,
    // Signed by the worker that the server names, and by no other member: a card's author makes no renditions.
    verifyAuthor: (author, ...signed) => author === kept.workerId && verifyWorker(group, author, ...signed),
  })
  checkAuthorship(group.state, { ...opened, notBefore: (await readSeen(id))?.document.notBefore ?? -1 })
  return opened.body
}

/** @throws {AppError} `key/unavailable` */
function epochOf(group: Group, { epoch }: MediaRecord): EpochKeys {
  const keys = group.keys.get(epoch)
  if (!keys) throw new AppError('key/unavailable', `no key of epoch ${epoch}`)
  return keys
}

/** Told what is there so far while more is being opened. */
export type Tell = (items: readonly Item[]) => void

/** Items of groups: kept on the device first, then what the server says has changed. */
export class Items {
  readonly #services: Pick<Services, 'api' | 'session'>
  /** Gone with the keys that opened them: a lock, or another account, begins anew. */
  readonly #held = new WeakMap<object, Map<GroupId, GroupItems>>()
  readonly #asked = new Set<string>()

  constructor(services: Pick<Services, 'api' | 'session'>) {
    this.#services = services
  }

  /** What the device keeps, newest first. */
  async kept(groupId: GroupId, tell: Tell = () => undefined): Promise<readonly Item[]> {
    const held = this.#of(groupId)
    held.loading ??= this.#load(groupId, held, tell)
    await held.loading.catch((error: unknown) => {
      held.loading = undefined
      throw error
    })
    // What could not be opened may be explained by what the group's log says by now.
    const { seq } = this.#group(groupId).state
    await Promise.all(held.faultyBefore(seq).map((record) => this.#put(groupId, held, record)))
    return held.list
  }

  /** Catches up with the server; whoever asks meanwhile gets the next turn. @throws {AppError} `card/rollback`, … */
  sync(groupId: GroupId, tell: Tell = () => undefined): Promise<void> {
    const held = this.#of(groupId)
    held.nextSync ??= (held.sync ?? Promise.resolve()).then(() => {
      held.nextSync = undefined
      const done = this.kept(groupId, tell).then(() => this.#sync(groupId, held, tell))
      held.sync = done.catch(() => undefined)
      return done
    })
    return held.nextSync
  }

  /** One item, from the server where it can be used, else as the device keeps it. @throws {AppError} `media/not-found`, … */
  async read(mediaId: MediaId): Promise<{ group: Group; item: Item }> {
    let passing: unknown
    try {
      const { api } = this.#services
      await takeShown(api, [await api.call(readMedia, { params: { mediaId } })])
    } catch (error) {
      if (!isPassing(error)) throw error
      passing = error
    }
    const record = await readMediaRecord(mediaId)
    if (!record && passing) throw passing
    if (!record || record.state === 'deleted') throw new AppError('media/not-found', 'no such item')
    const { groupId } = record
    const item = await this.#put(groupId, this.#of(groupId), record)
    return { group: this.#group(groupId), item }
  }

  /** A new revision of the description; what `change` does not name stays as others have it. */
  async edit(mediaId: MediaId, change: CardChange): Promise<void> {
    await this.#edit(mediaId, change).catch((error: unknown) => {
      if (!isAppError(error, 'log/conflict')) throw error
      // Somebody was faster: once more, on top of what they wrote.
      return this.#edit(mediaId, change)
    })
  }

  async #edit(mediaId: MediaId, change: CardChange): Promise<void> {
    const { group, item } = await this.read(mediaId)
    if (!item.card) throw item.fault ?? new AppError('media/not-found', 'no card')
    const { actor } = this.#services.session.requireUnlocked().groups.context
    const revision = item.record.card.revision + 1
    const sealed = await sealDocument({ label: 'kith/v1/card', id: mediaId, revision }, await cardKeyOf(item.record), {
      author: actor().id,
      groupHead: group.state.head,
      schema: card,
      body: { ...item.card, ...change },
      sign: (label, bytes) => sign(actor().seed, label, bytes),
    })
    await this.#take([await this.#services.api.call(writeCard, { params: { mediaId }, body: { revision, sealed } })])
  }

  async delete(record: MediaRecord): Promise<void> {
    await this.#services.api.call(deleteMedia, { params: { mediaId: record.mediaId } })
    // As it is by now: somebody may have changed it since it was shown.
    const newest = (await readMediaRecord(record.mediaId)) ?? record
    await this.#take([{ ...newest, state: 'deleted' }])
  }

  async restore(mediaId: MediaId): Promise<void> {
    await this.#take([await this.#services.api.call(restoreMedia, { params: { mediaId } })])
  }

  /** What was opened before is there at once; the rest is opened newest first, with pauses for the screen. */
  async #load(groupId: GroupId, held: GroupItems, tell: Tell): Promise<void> {
    // Read first: what changes while this goes on is asked for again.
    held.changeSeq = (await readCursor(groupId))?.changeSeq ?? null
    const store = await this.#store()
    const { seq } = this.#group(groupId).state
    const newest = await store.readNewest(groupId)
    for (let at = 0; at < newest.length; at += READ_AT_ONCE) {
      const part = newest.slice(at, at + READ_AT_ONCE)
      const records = await readMediaRecords(part.map(({ mediaId }) => mediaId))
      for (const [index, record] of records.entries()) {
        const known = part[index]
        if (record && isOf(known, record)) held.put({ record, card: known.card, made: known.made, fault: null }, seq)
      }
      tell(held.list)
      await nextTask()
    }
    const opened = await store.read(groupId)
    const toOpen: MediaRecord[] = []
    const stale = new Set(opened.keys())
    for await (const page of listMediaRecords(groupId)) {
      for (const record of page) {
        const known = opened.get(record.mediaId)
        if (!isOf(known, record)) toOpen.push(record)
        else {
          stale.delete(record.mediaId)
          held.put({ record, card: known.card, made: known.made, fault: null }, seq)
        }
      }
      await nextTask()
    }
    toOpen.reverse()
    for (let at = 0; at < toOpen.length; at += OPEN_AT_ONCE) {
      tell(held.list)
      await nextTask()
      await Promise.all(toOpen.slice(at, at + OPEN_AT_ONCE).map((record) => this.#put(groupId, held, record)))
    }
    if (!this.#isHeld(groupId, held)) return
    await this.#save(store, groupId, held, [...toOpen.map(({ mediaId }) => mediaId), ...stale])
  }

  async #sync(groupId: GroupId, held: GroupItems, tell: Tell): Promise<void> {
    const { api } = this.#services
    const params = { groupId }
    // The log was read before: whoever had left by then can have changed nothing that is not in these answers.
    const groupSeq = this.#group(groupId).state.seq
    const take = async (records: readonly MediaRecord[]) => {
      await this.#take(records)
      if (records.length > 0) tell(held.list)
    }
    if (held.changeSeq !== null) {
      const before = await readCursor(groupId)
      for (let more = true; more; ) {
        const page = await api.call(listMediaChanges, { params, query: { since: held.changeSeq } })
        await take(page.items)
        held.changeSeq = Math.max(held.changeSeq, ...page.items.map(({ changeSeq }) => changeSeq))
        more = page.more && page.items.length > 0
        const cursor = { changeSeq: held.changeSeq, groupSeq: more ? (before?.groupSeq ?? -1) : groupSeq }
        if (await advanceCursor(groupId, cursor)) continue
        // Closed meanwhile: what this page remembers of the group is not on the device any more.
        held.changeSeq = null
        return this.#sync(groupId, held, tell)
      }
      return
    }
    let start: number | null = null
    held.isWhole = false
    for (let before: string | undefined; ; ) {
      const query = before === undefined ? { limit: PAGE } : { limit: PAGE, before }
      const page = await api.call(listMedia, { params, query })
      await take(page.items)
      start ??= page.changeSeq
      if (page.next === null) break
      before = page.next
    }
    if (!this.#isHeld(groupId, held)) return
    await writeCursor(groupId, { changeSeq: start, groupSeq })
    held.changeSeq = start
    // Once, and not with each page: a bucket is written whole.
    const all = held.all().map(({ record }) => record.mediaId)
    await this.#save(await this.#store(), groupId, held, all)
  }

  /** Keeps what the server shows, and opens it where its group is open. */
  async #take(records: readonly MediaRecord[]): Promise<void> {
    const taken = await takeShown(this.#services.api, records)
    const store = await this.#store()
    for (const [groupId, ofGroup] of Map.groupBy(taken, (record) => record.groupId)) {
      const held = this.#of(groupId)
      await Promise.all(ofGroup.map((record) => this.#put(groupId, held, record)))
      // Before all of it is there, a bucket would be written without what is still missing.
      if (held.isWhole)
        await this.#save(
          store,
          groupId,
          held,
          ofGroup.map(({ mediaId }) => mediaId),
        )
    }
  }

  async #put(groupId: GroupId, held: GroupItems, record: MediaRecord): Promise<Item> {
    const { seq } = this.#group(groupId).state
    if (record.state === 'deleted') {
      held.remove(record.mediaId)
      void forgetPictures(record.mediaId)
      return { record, card: null, made: null, fault: null }
    }
    const known = held.get(record.mediaId, seq)
    const isSame = known && isOf(openedOf(known), record)
    const item = isSame ? { ...known, record } : await this.#open(this.#group(groupId), record)
    held.put(item, seq)
    return item
  }

  async #open(group: Group, record: MediaRecord): Promise<Item> {
    const item = await openItem(group, record)
    const key = `${record.mediaId}.${group.state.seq}`
    if (!isAppError(item.fault, 'group/fork') || this.#asked.has(key)) return item
    // Its author may know more of the log than this device: asked once, before anybody is accused.
    this.#asked.add(key)
    await this.#services.session.requireUnlocked().groups.refreshOne(group.groupId)
    return openItem(this.#group(group.groupId), record)
  }

  async #save(store: OpenedStore, groupId: GroupId, held: GroupItems, changed: readonly MediaId[]): Promise<void> {
    held.isWhole = true
    const buckets = new Map([...new Set(changed.map(bucketOf))].map((number): [number, Opened[]] => [number, []]))
    if (buckets.size === 0) return
    for (const item of held.all()) {
      const one = openedOf(item)
      if (one) buckets.get(bucketOf(one.mediaId))?.push(one)
    }
    for (const [number, all] of buckets) await store.write(groupId, number, all)
    const newest = held.list.toSorted((a, b) => takenAtOf(b) - takenAtOf(a)).slice(0, NEWEST_ITEMS)
    await store.write(
      groupId,
      NEWEST,
      newest.map(openedOf).filter((one) => one !== null),
    )
  }

  #store(): Promise<OpenedStore> {
    const { secrets } = this.#services.session.requireUnlocked().groups.context
    return OpenedStore.from(secrets.accountKey)
  }

  /** `false`: the group was closed meanwhile, and nothing of it is written down once more. */
  #isHeld(groupId: GroupId, held: GroupItems): boolean {
    const { groups } = this.#services.session.requireUnlocked()
    return groups.all.value.has(groupId) && this.#held.get(groups)?.get(groupId) === held
  }

  #of(groupId: GroupId): GroupItems {
    const { groups } = this.#services.session.requireUnlocked()
    const all = this.#held.get(groups) ?? new Map<GroupId, GroupItems>()
    this.#held.set(groups, all)
    // Whoever left a group and comes again begins anew.
    for (const id of all.keys()) if (!groups.all.value.has(id)) all.delete(id)
    const held = all.get(groupId) ?? new GroupItems()
    all.set(groupId, held)
    return held
  }

  #group(groupId: GroupId): Group {
    return this.#services.session.requireUnlocked().groups.get(groupId)
  }
}

function openedOf({ record, card, made }: Item): Opened | null {
  const { mediaId, workerDocument } = record
  const documentRevision = workerDocument?.revision ?? 0
  return card && { mediaId, cardRevision: record.card.revision, documentRevision, card, made }
}

function isOf(known: Opened | null | undefined, { card, workerDocument }: MediaRecord): known is Opened {
  return known?.cardRevision === card.revision && known.documentRevision === (workerDocument?.revision ?? 0)
}
