import { type ObjectName, objectId } from '../shared/crypto/object-key.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import type { MediaId, ObjectId } from '../shared/format/ids.ts'
import { openedByPlayer } from '../shared/format/object-name.ts'
import { openWhole } from './open-object.ts'
import type { Source } from './source.ts'

/**
 * What a player asks for right after a rendition's playlist, on its way before it does: the init, and the first segment
 * where it begins there. Each is for one question only: the next one may find another answer.
 */
export class Begun {
  readonly #opened = new Map<ObjectId, Promise<Bytes[] | null>>()
  /** Whose player has said that it begins at the beginning, and has no rendition yet. */
  #fromStart: MediaId | undefined

  /** Keys are gone or new. */
  forget(): void {
    this.#opened.clear()
    this.#fromStart = undefined
  }

  /** `null`: it was not begun, or failed; asked for anew, it tells why. */
  async take(id: ObjectId): Promise<Bytes[] | null> {
    const opened = this.#opened.get(id)
    this.#opened.delete(id)
    return (await opened) ?? null
  }

  /** Somebody asks for `asked`. @param isFromStart whether they said that they begin at the beginning */
  async begin(asked: ObjectName, isFromStart: boolean, sourceOf: (id: ObjectId) => Source): Promise<void> {
    const next = openedByPlayer(asked.name)
    if (isFromStart) this.#fromStart = asked.mediaId
    if (next === null) return
    // What was begun of another rendition is not wanted any more.
    this.#opened.clear()
    const names = this.#fromStart === asked.mediaId ? [next.init, next.firstSegment] : [next.init]
    this.#fromStart = undefined
    for (const name of names) {
      const object = { ...asked, name }
      const id = await objectId(asked.contentKey, name)
      const opened = openWhole(object, sourceOf(id))
      this.#opened.set(
        id,
        opened.catch(() => null),
      )
    }
  }
}
