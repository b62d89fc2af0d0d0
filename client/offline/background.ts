import { FETCH_PREFIX, KEPT_CHANNEL } from '../../shared/device/kept-pieces.ts'
import { AppError } from '../../shared/errors.ts'
import type { MediaId, ObjectId } from '../../shared/format/ids.ts'
import { objectPath } from '../../shared/wire/media.ts'

/** Bytes `[from, to)` of an object; `to` null: all of it. */
export type Part = { readonly objectId: ObjectId; readonly from: number; readonly to: number | null }

/** https://wicg.github.io/background-fetch/ (Chromium alone, and not in TypeScript's types). */
type Fetching = EventTarget & {
  readonly result: '' | 'success' | 'failure'
  readonly failureReason: string
  readonly downloaded: number
  abort(): Promise<boolean>
}
type FetchManager = {
  get(id: string): Promise<Fetching | undefined>
  getIds(): Promise<string[]>
  fetch(id: string, requests: Request[], options: { title: string; downloadTotal: number }): Promise<Fetching>
}

/** Shown by the system beside the download, perhaps on a locked screen: it names nothing. */
const TITLE = 'Kith keeps an item on this device'
/** The Service Worker writes down what came; after this long it is taken to have been stopped. */
const WRITTEN_MS = 60_000

/** What is missing of an item at a height, and how much that can be. */
type Missing = {
  readonly mediaId: MediaId
  readonly height: number | null
  readonly parts: readonly Part[]
  readonly mostBytes: number
}

/**
 * Has the browser fetch what is missing, also while no page is open; the Service Worker writes it down (`sw/keep.ts`).
 * Whatever does not come this way is fetched by the page, which finds out why.
 * @returns whether the person cancelled it where the system shows it.
 * @throws {AppError} `offline/no-room`; the reason of `signal`.
 */
export async function fetchInBackground(
  { mediaId: media, height, parts, mostBytes }: Missing,
  { signal, progress }: { signal: AbortSignal; progress: (bytes: number) => void },
): Promise<boolean> {
  const manager = await managerHere()
  if (!manager || parts.length === 0) return false
  const channel = new BroadcastChannel(KEPT_CHANNEL)
  try {
    const written = new Promise<void>((resolve) => {
      channel.addEventListener('message', ({ data }) => data?.fetched === media && resolve())
    })
    const id = idOf(media, height)
    const requests = parts.map((part) => requestOf(media, part))
    const fetching =
      (await manager.get(id)) ??
      (await manager.fetch(id, requests, { title: TITLE, downloadTotal: mostBytes }).catch(() => undefined))
    if (!fetching) return false
    await ended(fetching, signal, progress)
    if (fetching.failureReason === 'quota-exceeded') throw new AppError('offline/no-room', 'no room for a download')
    signal.throwIfAborted()
    await Promise.race([written, new Promise((resolve) => setTimeout(resolve, WRITTEN_MS))])
    signal.throwIfAborted()
    return fetching.failureReason === 'aborted'
  } finally {
    channel.close()
  }
}

/** Paused, taken off, or wanted in another quality (`but`): the browser need not go on. */
export async function stopFetching(media: MediaId, but?: number | null): Promise<void> {
  const manager = await managerHere()
  for (const id of (await manager?.getIds()) ?? []) {
    if (!id.startsWith(idOf(media, null)) || (but !== undefined && id === idOf(media, but))) continue
    await (await manager?.get(id))?.abort()
  }
}

const idOf = (media: MediaId, height: number | null): string => `${FETCH_PREFIX}${media}/${height ?? ''}`

/** Said where it does not. */
export const LEAVE_OPEN =
  'Leave Kith open meanwhile: this browser stops when it is closed, and goes on when you open it again.'

/** Whether what is being kept goes on while Kith is closed. */
export async function goesOnWhenClosed(): Promise<boolean> {
  return (await managerHere()) !== undefined
}

async function managerHere(): Promise<FetchManager | undefined> {
  const registration = await navigator.serviceWorker?.getRegistration()
  return (registration as { backgroundFetch?: FetchManager } | undefined)?.backgroundFetch
}

function requestOf(media: MediaId, { objectId, from, to }: Part): Request {
  const headers = to === null ? {} : { range: `bytes=${from}-${to - 1}` }
  return new Request(objectPath(media, objectId), { headers, credentials: 'same-origin', cache: 'no-store' })
}

function ended(fetching: Fetching, signal: AbortSignal, progress: (bytes: number) => void): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      progress(fetching.downloaded)
      if (fetching.result !== '' || signal.aborted) resolve()
    }
    fetching.addEventListener('progress', look)
    signal.addEventListener('abort', () => {
      void fetching.abort().catch(() => false)
      resolve()
    })
    look()
  })
}
