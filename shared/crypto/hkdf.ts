import { type Bytes, concat, utf8 } from '../format/bytes.ts'

const EMPTY: Bytes = new Uint8Array(0)

/** HKDF-SHA-256, RFC 5869. `info` is a label, or a label and what follows it. */
export async function hkdf(ikm: Bytes, salt: Bytes | '', info: string | Bytes, length: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', ikm, 'HKDF', false, ['deriveBits'])
  const params = {
    name: 'HKDF',
    hash: 'SHA-256',
    salt: salt === '' ? EMPTY : salt,
    info: typeof info === 'string' ? utf8(info) : info,
  }
  return new Uint8Array(await crypto.subtle.deriveBits(params, key, length * 8))
}

/** `label ‖ 0x00 ‖ parts…`: the separator keeps a label from running into what follows. */
export function labelled(label: string, ...parts: Uint8Array[]): Bytes {
  return concat(utf8(label), new Uint8Array(1), ...parts)
}
