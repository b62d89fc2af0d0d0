import { utf8 } from '../format/bytes.ts'

/** An answer of which the first bytes come: then the network fails. */
export function brokenOff(status: number, headers: Record<string, string> = {}): Response {
  const parts = [utf8('{"version":')]
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = parts.shift()
      if (part) controller.enqueue(part)
      else controller.error(new TypeError('network error'))
    },
  })
  return new Response(body, { status, headers })
}
