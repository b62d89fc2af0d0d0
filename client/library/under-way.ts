import type { MediaId, UserId } from '../../shared/format/ids.ts'
import type { Group } from '../groups/group.ts'
import { type Item, openItem } from '../media/items.ts'
import type { UploadView } from '../upload/uploads.ts'

/** The server counts from 1. */
const NOT_THERE_YET = 0

/** Uploads as items of their library before the server has heard of them; each is opened once. */
export class UnderWay {
  readonly #opened = new Map<MediaId, Promise<Item>>()

  /** Those that go to this library, and not to a chat. */
  async open(group: Group, authorId: UserId, uploads: ReadonlyMap<MediaId, UploadView>): Promise<Item[]> {
    for (const mediaId of this.#opened.keys()) if (!uploads.has(mediaId)) this.#opened.delete(mediaId)
    const ofGroup = [...uploads.values()].filter(({ groupId }) => groupId === group.groupId)
    const items = await Promise.all(ofGroup.map((upload) => this.#openOne(group, authorId, upload)))
    return items.filter(({ card }) => !card?.inChat)
  }

  #openOne(group: Group, authorId: UserId, { media, createdAt }: UploadView): Promise<Item> {
    const opening =
      this.#opened.get(media.mediaId) ??
      openItem(group, {
        ...media,
        ...{ authorId, state: 'uploading', workerDocument: null, job: null, createdAt, changeSeq: NOT_THERE_YET },
      })
    this.#opened.set(media.mediaId, opening)
    return opening
  }
}

/** Whether only this device knows of it. */
export function isUnderWay({ record }: Item): boolean {
  return record.changeSeq === NOT_THERE_YET
}

/** What is there, and what is on its way and not there yet; the same list where that is nothing. */
export function withUnderWay(items: readonly Item[], underWay: readonly Item[]): readonly Item[] {
  if (underWay.length === 0) return items
  const there = new Set(items.map(({ record }) => record.mediaId))
  const missing = underWay.filter(({ record }) => !there.has(record.mediaId))
  return missing.length === 0 ? items : [...items, ...missing]
}

/** What the tile of an upload says. */
export function uploadState({ phase, sentBytes, totalBytes }: UploadView): string {
  switch (phase) {
    case 'needs-file':
      return 'Pick it again'
    case 'stopped':
      return 'Stopped'
    case 'sending':
      return `Uploading ${Math.floor((100 * sentBytes) / Math.max(1, totalBytes))} %`
    default:
      return 'Uploading'
  }
}
