import * as z from 'zod/mini'
import { importAesKey, openAes, sealAes } from '../../shared/crypto/aes-gcm.ts'
import { hkdf } from '../../shared/crypto/hkdf.ts'
import { openDevice } from '../../shared/device/db.ts'
import { type Bytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { card } from '../../shared/wire/card.ts'
import { mediaId, natural } from '../../shared/wire/primitives.ts'
import { workerDocument } from '../../shared/wire/worker-document.ts'
import { nextTask } from '../app/next-task.ts'

const opened = z.strictObject({
  mediaId,
  cardRevision: natural,
  documentRevision: natural,
  card,
  made: z.nullable(workerDocument),
})
/** What an item's documents said when they were opened and verified. */
export type Opened = z.output<typeof opened>
const bucket = z.array(opened)

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Few enough that a phone draws in between. */
const PARSED_AT_ONCE = 20

/** Beside the 64 buckets: what the first screens show, whatever bucket it lies in. */
export const NEWEST = 64

/** Which of the group's 64 buckets an item lies in: ids are random, so are their first digits. */
export function bucketOf(media: MediaId): number {
  return DIGITS.indexOf(media.charAt(0))
}

/**
 * What was opened and verified once need not be again at the next start: thousands of signatures would be checked
 * before the library is whole. Sealed under a key of the account key, so that it outlives a lock and opens offline; in
 * buckets, so that a change writes little.
 */
export class OpenedStore {
  readonly #key: CryptoKey

  private constructor(key: CryptoKey) {
    this.#key = key
  }

  static async from(accountKey: Bytes): Promise<OpenedStore> {
    return new OpenedStore(await importAesKey(await hkdf(accountKey, '', 'kith/v1/device-items', 32)))
  }

  /** What does not open is as if it were not there: the items themselves are. */
  async read(group: GroupId): Promise<Map<MediaId, Opened>> {
    const range = IDBKeyRange.bound([group, 0], [group, NEWEST], false, true)
    const transaction = (await openDevice()).transaction('opened')
    const [keys, values] = await Promise.all([transaction.store.getAllKeys(range), transaction.store.getAll(range)])
    const all = new Map<MediaId, Opened>()
    for (const [index, [, number]] of keys.entries()) {
      for (const one of await this.#open(values[index] as Bytes, placeOf(group, number))) all.set(one.mediaId, one)
    }
    return all
  }

  /** As it was written last; the other buckets say what is. */
  async readNewest(group: GroupId): Promise<readonly Opened[]> {
    const sealed = await (await openDevice()).get('opened', [group, NEWEST])
    return sealed ? this.#open(sealed, placeOf(group, NEWEST)) : []
  }

  /** Everything there is of a bucket; nothing else stays in it. */
  async write(group: GroupId, number: number, all: readonly Opened[]): Promise<void> {
    const sealed = await sealAes(
      this.#key,
      utf8(JSON.stringify(z.encode(bucket, [...all]))),
      utf8(placeOf(group, number)),
    )
    await (await openDevice()).put('opened', sealed, [group, number])
  }

  async #open(sealed: Bytes, place: string): Promise<readonly Opened[]> {
    try {
      const all: z.input<typeof bucket> = JSON.parse(fromUtf8(await openAes(this.#key, sealed, utf8(place))))
      const read: Opened[] = []
      for (let at = 0; at < all.length; at += PARSED_AT_ONCE) {
        read.push(...z.decode(bucket, all.slice(at, at + PARSED_AT_ONCE)))
        await nextTask()
      }
      return read
    } catch {
      return []
    }
  }
}

const placeOf = (group: GroupId, number: number) => `${group}/opened/${number}`
