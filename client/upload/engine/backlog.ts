import type { MediaId } from '../../../shared/format/ids.ts'
import type { Spool } from './spool.ts'

/** In memory at most: 64 MiB. */
const MAX_YOUNG_PIECES = 8
/** What stays there when a network falls behind: 32 MiB, of what is sent next. */
const YOUNG_PIECES = 4
/** Full for so long without an acknowledgement, the network is behind, and the disk is quicker. */
const PATIENCE_MS = 1000
/** Sealed and not yet acknowledged, at most: 512 MiB. A closed tab then costs no more than what was not sealed yet. */
const MAX_PIECES = 64

/**
 * Sealed pieces between sealing and the server's acknowledgement. A network that keeps up takes them from memory and the
 * disk is never written; one that does not, and the end of sealing, sends them to the spool, from where a closed tab
 * goes on. Losing one that was only in memory loses nothing: the same file seals to the same bytes.
 */
export class Backlog {
  readonly #spool: Spool
  readonly #media: MediaId
  readonly #young = new Map<number, Blob>()
  readonly #spooled: Set<number>
  readonly #changed = new EventTarget()
  readonly #signal: AbortSignal
  #isSealed = false
  #patience: ReturnType<typeof setTimeout> | undefined
  #hasRoom = true
  #spilling: Promise<void> | null = null

  /** @param spooled pieces that lie there from an earlier run. */
  constructor(spool: Spool, media: MediaId, spooled: Iterable<number>, signal: AbortSignal) {
    this.#spool = spool
    this.#media = media
    this.#spooled = new Set(spooled)
    this.#signal = signal
    signal.addEventListener('abort', this.#wake)
  }

  /** Resolves when one more fits. */
  async room(): Promise<void> {
    await this.#until(() => this.#young.size < MAX_YOUNG_PIECES && this.#young.size + this.#spooled.size < MAX_PIECES)
  }

  add(index: number, sealed: Blob): void {
    this.#young.set(index, sealed)
    this.#wake()
    this.#bePatient()
  }

  /** Resolves once each of them was sealed, or lies in the spool. */
  async has(indexes: readonly number[]): Promise<void> {
    await this.#until(() => indexes.every((index) => this.#young.has(index) || this.#spooled.has(index)))
  }

  /** `null`: it is gone, by an acknowledgement that the server has taken back or by a hand on the device's storage. */
  async read(index: number): Promise<Blob | null> {
    return this.#young.get(index) ?? this.#spool.read(this.#media, index)
  }

  /** The server has every piece before `index` for good. */
  acknowledge(index: number): void {
    this.#beginAnew()
    for (const young of this.#young.keys()) if (young < index) this.#young.delete(young)
    for (const spooled of this.#spooled) {
      if (spooled >= index) continue
      this.#spooled.delete(spooled)
      void this.#spool.remove(this.#media, spooled)
    }
    this.#wake()
    // What was acknowledged may be nothing new: then nothing is added that would look again.
    this.#bePatient()
  }

  /**
   * Nothing more comes: what the server has not got goes to the spool, so that the tab may be closed.
   * @returns whether all of it found room.
   */
  async sealed(): Promise<boolean> {
    this.#isSealed = true
    this.#beginAnew()
    this.#spill()
    await this.#spilling
    // Stopped before that was done: it is made anew from the same file.
    return this.#hasRoom && this.#young.size === 0
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#spilling
  }

  #bePatient(): void {
    if (this.#young.size >= MAX_YOUNG_PIECES) this.#patience ??= setTimeout(() => this.#spill(), PATIENCE_MS)
  }

  #beginAnew(): void {
    clearTimeout(this.#patience)
    this.#patience = undefined
  }

  /** The last first: the network comes to it last. */
  #spill(): void {
    this.#spilling ??= (async () => {
      while (this.#hasRoom && !this.#signal.aborted && this.#young.size > (this.#isSealed ? 0 : YOUNG_PIECES)) {
        const index = Math.max(...this.#young.keys())
        const sealed = this.#young.get(index)
        if (sealed) await this.#write(index, sealed)
      }
    })().finally(() => {
      this.#spilling = null
      this.#patience = undefined
      this.#wake()
    })
  }

  async #write(index: number, sealed: Blob): Promise<void> {
    try {
      await this.#spool.write(this.#media, index, new Uint8Array(await sealed.arrayBuffer()))
    } catch {
      // No room, or a storage that fails: it goes on from memory, as fast as the network takes it.
      this.#hasRoom = false
      return
    }
    // Acknowledged while it was written?
    if (this.#young.delete(index)) this.#spooled.add(index)
    else await this.#spool.remove(this.#media, index)
    this.#wake()
  }

  #wake = (): void => void this.#changed.dispatchEvent(new Event('change'))

  async #until(fits: () => boolean): Promise<void> {
    while (!fits()) {
      this.#signal.throwIfAborted()
      await new Promise<void>((resolve) => this.#changed.addEventListener('change', () => resolve(), { once: true }))
    }
  }
}
