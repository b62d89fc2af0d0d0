import type { Bytes } from '../../shared/format/bytes.ts'

export type Uploads = {
  /** Resolves when there is room for more, long before the object has arrived. @throws what `put` threw, for this or an earlier object */
  publish(name: string, plain: Bytes): Promise<void>
  /** Resolves when everything has arrived. @throws what `put` threw */
  flush(): Promise<void>
}
export type UploadOptions = { readonly parallel: number; readonly maxBytes: number }

/** Segments wait in memory only up to this much: ffmpeg is kept waiting when the network is slower than it. */
export const DEFAULT_UPLOADS: UploadOptions = { parallel: 3, maxBytes: 12 * 1024 * 1024 }

/** Seals and sends in the background, a few at a time. One failure fails everything that follows. */
export function createUploads(
  put: (name: string, plain: Bytes) => Promise<void>,
  { parallel, maxBytes }: UploadOptions = DEFAULT_UPLOADS,
): Uploads {
  const queue: { name: string; plain: Bytes }[] = []
  const waiting = new Set<() => void>()
  let active = 0
  let bytes = 0
  let failure: { readonly error: unknown } | undefined

  function pump(): void {
    while (active < parallel && failure === undefined) {
      const next = queue.shift()
      if (next === undefined) break
      active++
      put(next.name, next.plain)
        .catch((error: unknown) => {
          failure ??= { error }
          queue.length = 0
        })
        .finally(() => {
          active--
          bytes -= next.plain.length
          pump()
          for (const wake of waiting) wake()
          waiting.clear()
        })
    }
  }

  async function until(ready: () => boolean): Promise<void> {
    while (failure === undefined && !ready()) await new Promise<void>((resolve) => waiting.add(resolve))
    if (failure !== undefined) throw failure.error
  }

  return {
    async publish(name, plain) {
      queue.push({ name, plain })
      bytes += plain.length
      pump()
      await until(() => bytes <= maxBytes)
    },
    flush: () => until(() => active === 0 && queue.length === 0),
  }
}
