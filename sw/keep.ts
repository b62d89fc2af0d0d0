import { readKept } from '../shared/device/kept.ts'
import { FETCH_PREFIX, KEPT_CHANNEL, PIECE_BYTES, Pieces } from '../shared/device/kept-pieces.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { parseMediaId, parseObjectId } from '../shared/format/ids.ts'

/** What Background Fetch brought: https://wicg.github.io/background-fetch/ */
export type Fetched = {
  readonly id: string
  matchAll(): Promise<readonly { readonly request: Request; readonly responseReady: Promise<Response> }[]>
}

/**
 * Writes down what was fetched while perhaps no page was open and nothing could be opened: a page opens all of it before
 * it counts as kept (`client/offline/keep-object.ts`), and fetches what is missing or wrong.
 */
export async function keepFetched(fetched: Fetched): Promise<void> {
  if (!fetched.id.startsWith(FETCH_PREFIX)) return
  const media = parseMediaId(fetched.id.slice(FETCH_PREFIX.length))
  // Taken off this device in the meantime.
  if ((await readKept(media))?.state !== 'waiting') return
  const pieces = await Pieces.open(media)
  for (const { request, responseReady } of await fetched.matchAll()) {
    const part = await partOf(request, await responseReady)
    if (!part) continue
    const { totalBytes, bytes } = part
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const index = part.index + at / PIECE_BYTES
      await pieces.write(part.object, index, bytes.slice(at, at + PIECE_BYTES), totalBytes)
    }
  }
  const channel = new BroadcastChannel(KEPT_CHANNEL)
  channel.postMessage({ fetched: media })
  channel.close()
}

/** `null`: not what was asked for. */
async function partOf(request: Request, response: Response) {
  const asked = /^bytes=(\d{1,15})-/.exec(request.headers.get('range') ?? '')
  const [, start, total] =
    /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '') ?? []
  if (response.status !== (asked ? 206 : 200) || start !== asked?.[1]) return null
  const bytes: Bytes = new Uint8Array(await response.arrayBuffer())
  const object = parseObjectId(new URL(request.url).pathname.split('/').at(-1) ?? '')
  return { object, bytes, index: Number(start ?? 0) / PIECE_BYTES, totalBytes: asked ? Number(total) : bytes.length }
}
