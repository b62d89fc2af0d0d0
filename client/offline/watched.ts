import type { MediaId } from '../../shared/format/ids.ts'

const PREFIX = 'kith/watched/'

/** Says to every tab that the item is on the screen here; the browser says it ends, should this tab die. @returns the end of it. */
export function watch(media: MediaId): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  void navigator.locks.request(PREFIX + media, { mode: 'shared' }, () => promise)
  return resolve
}

/** What is on the screen of any tab. */
export async function readWatched(): Promise<ReadonlySet<MediaId>> {
  const { held = [] } = await navigator.locks.query()
  const names = held.map(({ name = '' }) => name)
  return new Set(names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length) as MediaId))
}
