/** Where nothing has come for so long, nothing is to be expected. */
export const STALLED_MS = 45_000

/** On from each beat for as long as the next one may take, then off by itself. */
export class Pulse {
  readonly #set: (isOn: boolean) => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(set: (isOn: boolean) => void) {
    this.#set = set
  }

  beat(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#set(false), STALLED_MS)
    this.#set(true)
  }

  rest(): void {
    clearTimeout(this.#timer)
    this.#set(false)
  }
}
