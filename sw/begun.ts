import { type ObjectName, objectId } from '../shared/crypto/object-key.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import type { MediaId, ObjectId } from '../shared/format/ids.ts'
import { isMaster, openedByPlayer } from '../shared/format/object-name.ts'
import { openWhole } from './open-object.ts'
import type { Source } from './source.ts'

/** More than either has; what is larger is opened when somebody wants it. */
const INIT_MAX_BYTES = 2 ** 18
const SEGMENT_MAX_BYTES = 2 ** 24

/**
 * What a player asks for right after a rendition's playlist, on its way before it does: the init, and the first segment
 * where it begins there. Each is for one question only: the next one may find another answer.
 */
export class Begun {
  #opened = new Map<ObjectId, Promise<Bytes[] | null>>()
  /** Whose player has said that it begins at the beginning, and has no rendition yet. */
  #fromStart: MediaId | undefined

  /** Grows with each `forget`: whoever asked before gets nothing begun. */
  age = 0

  /** Keys are gone or new. */
  forget(): void {
    this.age++
    this.#opened = new Map()
    this.#fromStart = undefined
  }

  /** `null`: it was not begun, or failed; asked for anew, it tells why. */
  async take(id: ObjectId): Promise<Bytes[] | null> {
    const opened = this.#opened.get(id)
    this.#opened.delete(id)
    return (await opened) ?? null
  }

  /**
   * Somebody asks for `asked`.
   * @param age when they began to ask @param isFromStart whether they said that they begin at the beginning
   */
  async begin(
    asked: ObjectName,
    { age, isFromStart }: { readonly age: number; readonly isFromStart: boolean },
    sourceOf: (id: ObjectId) => Source,
  ): Promise<void> {
    if (age !== this.age) return
    const next = openedByPlayer(asked.name)
    if (next === null) {
      if (isMaster(asked.name)) this.#fromStart = isFromStart ? asked.mediaId : undefined
      return
    }
    const begins = isFromStart || this.#fromStart === asked.mediaId
    this.#fromStart = undefined
    // What was begun of another rendition is not wanted any more, nor what is still on its way there.
    const opened = new Map<ObjectId, Promise<Bytes[] | null>>()
    this.#opened = opened
    const open = async (name: string, maxBytes: number) => {
      const id = await objectId(asked.contentKey, name)
      if (this.#opened !== opened) return
      const parts = openWhole({ ...asked, name }, sourceOf(id), maxBytes)
      opened.set(
        id,
        parts.catch(() => null),
      )
    }
    await open(next.init, INIT_MAX_BYTES)
    if (begins) await open(next.firstSegment, SEGMENT_MAX_BYTES)
  }
}
