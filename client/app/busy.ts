import { Signal } from './signal.ts'

/** What must not be interrupted by an update or a lock: uploads, playback, writes. */
export class Busy {
  readonly reasons = new Signal<ReadonlySet<string>>(new Set())

  /** @returns the end of it; calling it twice does no harm. */
  start(reason: string): () => void {
    const token = `${reason}#${crypto.randomUUID()}`
    this.reasons.value = new Set(this.reasons.value).add(token)
    return () => {
      const left = new Set(this.reasons.value)
      if (left.delete(token)) this.reasons.value = left
    }
  }

  get isBusy(): boolean {
    return this.reasons.value.size > 0
  }
}
