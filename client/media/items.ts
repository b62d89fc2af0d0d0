import {
  type OpenedDocument,
  sealDocument,
  verifyAndOpenDocument,
  workerDocumentKey,
} from '../../shared/crypto/document.ts'
import { sign } from '../../shared/crypto/signing.ts'
import {
  cardKeyOf,
  contentKeyOf,
  listMediaRecords,
  readCursor,
  readMediaRecord,
  readSeen,
  takeMedia,
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
import type { Services } from '../app/services.ts'
import { type Group, verifyMember, verifyWorker } from '../groups/group.ts'

/** An item as people see it; what could not be opened carries why. */
export type Item = {
  readonly record: MediaRecord
  readonly card: Card | null
  readonly made: WorkerDocument | null
  readonly fault: AppError | null
}

const PAGE = 60

/** Whether an item is something to look at or listen to; every other file is kept as it is. */
export function isMedia({ type }: Pick<Card, 'type'>): boolean {
  return /^(video|image|audio)\//.test(type)
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
  const opened = await verifyAndOpenDocument({ label: 'kith/v1/card', id, revision }, await cardKeyOf(record), sealed, {
    schema: card,
    verifyAuthor: (author, ...signed) => verifyMember(group, author, ...signed),
  })
  checkAuthorship(group.state, { ...opened, notBefore: (await readSeen(id))?.card.notBefore ?? -1 })
  return opened
}

async function openWorkerDocument(group: Group, record: MediaRecord): Promise<WorkerDocument | null> {
  const { workerDocument: kept, mediaId: id } = record
  if (!kept) return null
  const key = await workerDocumentKey(await contentKeyOf(record))
  const name = { label: 'kith/v1/worker-doc', id, revision: kept.revision } as const
  const opened = await verifyAndOpenDocument(name, key, kept.sealed, {
    schema: workerDocument,
    // Signed by the worker that the server names, and by no other member: a card's author makes no renditions.
    verifyAuthor: (author, ...signed) => author === kept.workerId && verifyWorker(group, author, ...signed),
  })
  checkAuthorship(group.state, { ...opened, notBefore: (await readSeen(id))?.document.notBefore ?? -1 })
  return opened.body
}

/** Items of groups: kept on the device first, then what the server says has changed. */
export class Items {
  readonly #services: Pick<Services, 'api' | 'session'>
  readonly #opened = new Map<MediaId, { key: string; item: Item }>()
  readonly #asked = new Set<string>()

  constructor(services: Pick<Services, 'api' | 'session'>) {
    this.#services = services
  }

  /** What the device keeps, newest first. */
  async kept(groupId: GroupId): Promise<Item[]> {
    const group = this.#group(groupId)
    const records = await listMediaRecords(groupId)
    const there = records.filter(({ state }) => state !== 'deleted')
    const items = await Promise.all(there.map((record) => this.#open(group, record)))
    // What was sent in a conversation is shown there.
    return items.filter((item) => item.card?.inChat !== true)
  }

  /** Catches up with the server. @throws {AppError} `card/rollback`, … */
  async sync(groupId: GroupId): Promise<void> {
    const { api } = this.#services
    const params = { groupId }
    // The log was read before: whoever had left by then can have changed nothing that is not in these answers.
    const groupSeq = this.#group(groupId).state.seq
    const cursor = await readCursor(groupId)
    if (cursor !== null) {
      let from = cursor.changeSeq
      for (let more = true; more; ) {
        const page = await api.call(listMediaChanges, { params, query: { since: from } })
        await takeMedia(page.items)
        from = Math.max(from, ...page.items.map(({ changeSeq }) => changeSeq))
        more = page.more && page.items.length > 0
        await writeCursor(groupId, { changeSeq: from, groupSeq: more ? cursor.groupSeq : groupSeq })
      }
      return
    }
    let start: number | null = null
    for (let before: string | undefined; ; ) {
      const query = before === undefined ? { limit: PAGE } : { limit: PAGE, before }
      const page = await api.call(listMedia, { params, query })
      await takeMedia(page.items)
      start ??= page.changeSeq
      if (page.next === null) break
      before = page.next
    }
    await writeCursor(groupId, { changeSeq: start, groupSeq })
  }

  /** One item, from the server where it can be reached. @throws {AppError} `media/not-found` */
  async read(mediaId: MediaId): Promise<{ group: Group; item: Item }> {
    try {
      await takeMedia([await this.#services.api.call(readMedia, { params: { mediaId } })])
    } catch (error) {
      if (!isAppError(error, 'server/unreachable') && !isAppError(error, 'server/unavailable')) throw error
    }
    const record = await readMediaRecord(mediaId)
    if (!record || record.state === 'deleted') throw new AppError('media/not-found', 'no such item')
    const group = this.#group(record.groupId)
    return { group, item: await this.#open(group, record) }
  }

  /** A new revision of the description. */
  async edit(mediaId: MediaId, change: Partial<Pick<Card, 'title' | 'description'>>): Promise<void> {
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
    await takeMedia([await this.#services.api.call(writeCard, { params: { mediaId }, body: { revision, sealed } })])
  }

  async delete(record: MediaRecord): Promise<void> {
    await this.#services.api.call(deleteMedia, { params: { mediaId: record.mediaId } })
    await takeMedia([{ ...record, state: 'deleted' }])
  }

  async restore(mediaId: MediaId): Promise<void> {
    await takeMedia([await this.#services.api.call(restoreMedia, { params: { mediaId } })])
  }

  async #open(group: Group, record: MediaRecord): Promise<Item> {
    const key = `${record.mediaId}.${record.card.revision}.${record.workerDocument?.revision ?? 0}.${record.state}.${group.state.seq}`
    const known = this.#opened.get(record.mediaId)
    if (known?.key === key) return { ...known.item, record }
    let item = await openItem(group, record)
    if (isAppError(item.fault, 'group/fork') && !this.#asked.has(key)) {
      // Its author may know more of the log than this device: asked once, before anybody is accused.
      this.#asked.add(key)
      await this.#services.session.requireUnlocked().groups.refreshOne(group.groupId)
      item = await openItem(this.#group(group.groupId), record)
    }
    this.#opened.set(record.mediaId, { key, item })
    return item
  }

  #group(groupId: GroupId): Group {
    return this.#services.session.requireUnlocked().groups.get(groupId)
  }
}
