/**
 * What a browser says in a WebSocket (RFC 6455 §5.2), laid open: its frames come masked with a key of their own, so that
 * nothing would be found in the bytes as they pass. Frames are put together however the network cut them.
 */
export class Unmasked {
  #rest = Buffer.alloc(0)

  /** @returns the payloads that are whole by now. */
  push(part: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, part])
    const payloads: Buffer[] = []
    for (let frame = frameAt(this.#rest); frame; frame = frameAt(this.#rest)) {
      payloads.push(frame.payload)
      this.#rest = this.#rest.subarray(frame.end)
    }
    return payloads
  }
}

const MASK_BYTES = 4

/** The frame in front; `null`: not all of it is here. */
function frameAt(bytes: Buffer): { payload: Buffer; end: number } | null {
  if (bytes.length < 2) return null
  const second = bytes.readUInt8(1)
  const short = second & 0x7f
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0
  const isMasked = (second & 0x80) !== 0
  const start = 2 + lengthBytes + (isMasked ? MASK_BYTES : 0)
  if (bytes.length < start) return null
  const length =
    lengthBytes === 8 ? Number(bytes.readBigUInt64BE(2)) : lengthBytes === 2 ? bytes.readUInt16BE(2) : short
  const end = start + length
  if (bytes.length < end) return null
  const payload = Buffer.from(bytes.subarray(start, end))
  if (isMasked) {
    const mask = bytes.subarray(start - MASK_BYTES, start)
    for (const [at, byte] of payload.entries()) payload[at] = byte ^ (mask[at % MASK_BYTES] ?? 0)
  }
  return { payload, end }
}
