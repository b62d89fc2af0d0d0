import { changeKept, readKept } from '../shared/device/kept.ts'
import { KEPT_CHANNEL, PIECE_BYTES, Pieces, removePieces } from '../shared/device/kept-pieces.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { type MediaId, parseMediaId, parseObjectId } from '../shared/format/ids.ts'

/** What Background Fetch brought: https://wicg.github.io/background-fetch/ */
export type Fetched = {
  /** As `FETCH_PREFIX` says. */
  readonly id: string
  matchAll(): Promise<readonly { readonly request: Request; readonly responseReady: Promise<Response> }[]>
}

/**
 * Writes down what was fetched while perhaps no page was open and nothing could be opened: a page opens all of it before
 * it counts as kept (`client/offline/keep-object.ts`), and fetches what is missing or wrong.
 * @param isAborted by a page, which has said in the row what it wants, or by the person where the system shows it.
 */
export async function keepFetched(fetched: Fetched, isAborted: boolean): Promise<void> {
  const [, id = '', height] = fetched.id.split('/')
  const media = parseMediaId(id)
  const row = await changeKept(media, (now) =>
    isAborted && now?.state === 'waiting' && `${now.height ?? ''}` === height ? { ...now, state: 'paused' } : null,
  )
  try {
    // Not where it was taken off this device, or found no room, in the meantime.
    if (row?.state === 'waiting' || row?.state === 'paused') await writeDown(media, fetched)
  } finally {
    const now = await readKept(media)
    if (!now || now.state === 'no-room' || now.state === 'refused') await removePieces(media)
    const channel = new BroadcastChannel(KEPT_CHANNEL)
    channel.postMessage({ fetched: media })
    channel.close()
  }
}

async function writeDown(media: MediaId, fetched: Fetched): Promise<void> {
  const pieces = await Pieces.open(media)
  for (const { request, responseReady } of await fetched.matchAll()) {
    const part = await partOf(request, responseReady).catch(() => null)
    if (!part) continue
    const { totalBytes, bytes } = part
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const index = part.index + at / PIECE_BYTES
      await pieces.write(part.object, index, bytes.slice(at, at + PIECE_BYTES), totalBytes)
    }
  }
}

/** `null`: not what was asked for. A lie in it is found out when the page opens it. What did not come rejects. */
async function partOf(request: Request, responseReady: Promise<Response>) {
  const response = await responseReady
  const asked = request.headers.get('range')
  if (response.status !== (asked ? 206 : 200)) return null
  const bytes: Bytes = new Uint8Array(await response.arrayBuffer())
  const object = parseObjectId(request.url.split('/').at(-1) ?? '')
  const totalBytes = Number(response.headers.get('content-range')?.split('/')[1] ?? bytes.length)
  return { object, bytes, index: Number.parseInt(asked?.slice('bytes='.length) ?? '0', 10) / PIECE_BYTES, totalBytes }
}
