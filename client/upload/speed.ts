/** Long enough that requests of 16 MiB come and go in it. */
const WINDOW_MS = 20_000
const LEAST_MS = 1000

type Mark = { readonly atMs: number; readonly bytes: number }

/** How fast one upload goes now: by what was sent in the last seconds, whatever went before or stood still in between. */
export class Speed {
  #marks: Mark[] = []

  /** @returns bytes each second; 0 while unknown. */
  take(bytes: number, atMs: number): number {
    const last = this.#marks.at(-1)
    // The server has less than was on its way to it: that is sent once more.
    const isBack = last !== undefined && bytes < last.bytes
    this.#marks = isBack ? [] : this.#marks.filter((mark) => atMs - mark.atMs <= WINDOW_MS)
    this.#marks.push({ atMs, bytes })
    const [first] = this.#marks as [Mark]
    const spanMs = atMs - first.atMs
    return spanMs < LEAST_MS ? 0 : ((bytes - first.bytes) / spanMs) * 1000
  }
}
