import type { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'

/**
 * Cuts parts of any length, as they arrive, into the lengths asked for.
 * @param fault makes the error for a source that ends early or goes on too long.
 */
export function exactReader(source: AsyncIterable<Uint8Array>, fault: (what: string) => AppError) {
  const parts = source[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)

  /** Whether there is something in `rest`. */
  async function more(): Promise<boolean> {
    while (rest.length === 0) {
      const next = await parts.next()
      if (next.done) return false
      rest = next.value
    }
    return true
  }

  return {
    async take(length: number): Promise<Bytes> {
      const out = new Uint8Array(length)
      for (let at = 0; at < length; ) {
        if (!(await more())) throw fault('cut short')
        const part = rest.subarray(0, length - at)
        out.set(part, at)
        at += part.length
        rest = rest.subarray(part.length)
      }
      return out
    },
    async end(): Promise<void> {
      if (await more()) throw fault('more bytes than were told')
    },
    /** Lets go of the source. Not awaited: a source that hangs would hang its reader too. */
    close(): void {
      void Promise.resolve(parts.return?.()).catch(() => {})
    },
  }
}
