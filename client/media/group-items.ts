import type { MediaId } from '../../shared/format/ids.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import type { Item } from './items.ts'

/** What is open of one group, and how far it is known. */
export class GroupItems {
  loading: Promise<void> | undefined
  /** Never rejects. */
  sync: Promise<void> | undefined
  nextSync: Promise<void> | undefined
  /** All that the device keeps of it is here. */
  isWhole = false
  /** Changes up to here are in; `null`: the server was not asked yet. */
  changeSeq: number | null = null
  readonly #items = new Map<MediaId, { readonly item: Item; readonly groupSeq: number }>()
  #list: readonly Item[] | null = null

  /** Newest first. What was sent in a conversation is shown there. */
  get list(): readonly Item[] {
    this.#list ??= this.all()
      .filter(({ card }) => card?.inChat !== true)
      .sort(({ record: a }, { record: b }) => b.createdAt - a.createdAt || (a.mediaId < b.mediaId ? 1 : -1))
    return this.#list
  }

  all(): Item[] {
    return [...this.#items.values()].map(({ item }) => item)
  }

  /** @param groupSeq what is at fault counts only as long as the group's log says no more. */
  get(media: MediaId, groupSeq: number): Item | null {
    const held = this.#items.get(media)
    return held && (!held.item.fault || held.groupSeq === groupSeq) ? held.item : null
  }

  put(item: Item, groupSeq: number): void {
    this.#items.set(item.record.mediaId, { item, groupSeq })
    this.#list = null
  }

  remove(media: MediaId): void {
    this.#items.delete(media)
    this.#list = null
  }

  /** What did not open when the group's log said less than now. */
  faultyBefore(groupSeq: number): MediaRecord[] {
    return [...this.#items.values()]
      .filter(({ item, groupSeq: at }) => item.fault !== null && at < groupSeq)
      .map(({ item }) => item.record)
  }
}
