import { createHash, createHmac, createPrivateKey, decapsulate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import sodium from 'libsodium-wrappers'
import { beforeAll, describe, expect, it } from 'vitest'
import { goldenTranscripts } from '../testing/golden.ts'

/*
 * A second reader of docs/protocol.md §5, which shares no code with Kith: noble where Kith has libsodium, libsodium or
 * OpenSSL where Kith has noble, its own byte arithmetic and its own JSON. All that it imports of Kith is what writes.
 */
type Keys = { x: string; w: string }
type Side = 'requester' | 'receiver'
type Person = { userId: string; identityKey: string; agreementSecret: string; agreementKey: string }
type Entry = { by: Side; keys: Keys; bytes: string; sig: string; hash: string }
type Transcript = {
  name: string
  connectionId: string
  note: string | null
  sealedNote: string | null
  entries: [Entry, Entry, ...Entry[]]
  messageSecrets: string[]
  newest: { transcript: string; root: string }
  messages: { by: Side; type: string; epoch: number; counter: number; lamport: number; body: string; sealed: string }[]
  receipts: {
    by: Side
    deviceId: string
    revision: number
    body: string
    peer: string
    own: string
    accountKey: string
  }[]
  typing: { by: Side; epoch: number; timeMs: number; sealed: string }[]
} & Record<Side, Person>
type Written = { x: string; w: string; ct: string; prev: string; request: string; createdAt: number }

const path = new URL('../vectors/connection.json', import.meta.url)
const { transcripts } = JSON.parse(readFileSync(path, 'utf8')) as { transcripts: Transcript[] }
beforeAll(() => sodium.ready)

const b = (text: string): Buffer => Buffer.from(text, 'base64url')
const sha = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac('sha256', key).update(data).digest()
const other = (side: Side): Side => (side === 'requester' ? 'receiver' : 'requester')
const label = (text: string, ...parts: Uint8Array[]): Buffer => Buffer.concat([Buffer.from(text), ...parts])
const zero = Buffer.alloc(1)
const u32 = (value: number): Buffer => {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}
const u64 = (value: number): Buffer => {
  const out = Buffer.alloc(8)
  out.writeBigUInt64BE(BigInt(value))
  return out
}
const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}

function expand(key: Uint8Array, info: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = []
  while (blocks.length * 32 < length)
    blocks.push(hmac(key, Buffer.concat([...blocks.slice(-1), info, Buffer.of(blocks.length + 1)])))
  return Buffer.concat(blocks).subarray(0, length)
}

/** draft-connolly-cfrg-xwing-kem §5.4, from OpenSSL's ML-KEM-768 and libsodium's X25519. */
function xwing(seed: Uint8Array, ct: Uint8Array): Buffer {
  const expanded = createHash('shake256', { outputLength: 96 }).update(seed).digest()
  const raw = { key: expanded.subarray(0, 64), format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' } as const
  const lattice = decapsulate(createPrivateKey(raw), ct.subarray(0, 1088))
  const curve = expanded.subarray(64)
  const theirs = ct.subarray(1088)
  const shared = sodium.crypto_scalarmult(curve, theirs)
  const own = sodium.crypto_scalarmult_base(curve)
  return createHash('sha3-256')
    .update(Buffer.concat([lattice, shared, theirs, own, Buffer.from('\\.//^\\')]))
    .digest()
}

function openBox(key: Uint8Array, nonce: Uint8Array, box: Uint8Array, aad: Uint8Array): Buffer {
  return Buffer.from(xchacha20poly1305(key, nonce, aad).decrypt(box))
}

function unpad(padded: Buffer): Buffer {
  const end = padded.lastIndexOf(0x80)
  must(end >= 0 && padded.subarray(end + 1).every((byte) => byte === 0), 'no padding')
  return padded.subarray(0, end)
}

const LABELS = ['kith/v1/conn-request', 'kith/v1/conn-accept', 'kith/v1/conn-rotate']

/** Every epoch's secret, from signed entries and one side's secret keys alone. */
function readLog(transcript: Transcript, me: Side): { secrets: Buffer[]; root: Buffer; th: Buffer } {
  const { entries } = transcript
  const secrets: Buffer[] = []
  const newest = new Map<Side, Written & { secret: Keys }>()
  const hashes: Buffer[] = []
  let [root, th]: [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)]
  for (const [index, entry] of entries.entries()) {
    const [bytes, sig] = [b(entry.bytes), b(entry.sig)]
    const signed = label(LABELS[Math.min(index, 2)] as string, zero, bytes)
    const { identityKey } = transcript[entry.by]
    must(sodium.crypto_sign_verify_detached(sig, signed, b(identityKey)), `entry ${index} is not signed`)
    const written = JSON.parse(bytes.toString()) as Written
    const hash = sha(sig, bytes)
    must(hash.equals(b(entry.hash)), `entry ${index} hashes to something else`)
    const before = hashes.at(-1)
    hashes.push(hash)
    const peer = newest.get(other(entry.by))
    newest.set(entry.by, { ...written, secret: entry.keys })
    if (!before || !peer) continue
    must(b(index === 1 ? written.request : written.prev).equals(before), `entry ${index} does not follow`)
    const mine = entry.by === me
    const dh = mine
      ? sodium.crypto_scalarmult(b(entry.keys.x), b(peer.x))
      : sodium.crypto_scalarmult(b(peer.secret.x), b(written.x))
    // Whoever encapsulated has drawn it; what the other side makes of it has to be the same, as the secrets show.
    const shared = xwing(b(peer.secret.w), b(written.ct))
    th = index === 1 ? sha(label('kith/v1/conn-th', ...hashes)) : sha(label('kith/v1/conn-th', th, hash))
    const k = hmac(index === 1 ? th : root, Buffer.concat([dh, shared]))
    root = expand(k, label('kith/v1/conn-root', th), 32)
    secrets.push(expand(k, label('kith/v1/conn-msgs', th), 32))
  }
  return { secrets, root, th }
}

/** `[body, type, epoch, counter, lamport, hash]` of a sealed message. */
function readMessage({ connectionId, ...people }: Transcript, by: Side, secrets: readonly Buffer[], sealed: Buffer) {
  const header = sealed.subarray(0, 135)
  must(header[0] === 1 && header[1] === 2, 'another version')
  must(header.subarray(3, 19).equals(b(connectionId)), 'another connection')
  must(header.subarray(23, 39).equals(b(people[by].userId)), 'another sender')
  const epoch = header.readUInt32BE(19)
  const okm = expand(secrets[epoch] as Buffer, label('kith/v1/msg', header.subarray(3, 63)), 64)
  must(okm.subarray(32).equals(sealed.subarray(159, 191)), 'another key')
  const plain = unpad(
    openBox(okm.subarray(0, 32), sealed.subarray(135, 159), sealed.subarray(191), sealed.subarray(0, 159)),
  )
  must(sealed.length - 191 - 16 >= 256, 'not padded')
  const [sig, body] = [plain.subarray(0, 64), plain.subarray(64)]
  const signed = label('kith/v1/msg-sig', zero, header, sha(body))
  must(ed25519.verify(sig, signed, b(people[by].identityKey), { zip215: false }), 'not signed')
  return {
    body: body.toString(),
    type: header[2],
    epoch,
    counter: Number(header.readBigUInt64BE(55)),
    lamport: Number(header.readBigUInt64BE(63)),
    device: header.subarray(39, 55).toString('base64url'),
    prev: header.subarray(71, 103),
    ack: header.subarray(103, 135),
  }
}

it('Kith writes what is checked in, byte for byte', async () => {
  expect(await goldenTranscripts()).toBe(readFileSync(path, 'utf8'))
})

describe.each(transcripts)('a second reader: $name', (transcript) => {
  const { connectionId, messageSecrets, newest } = transcript

  it.each(['requester', 'receiver'] as const)('comes to the same secrets as the %s', (me) => {
    const { secrets, root, th } = readLog(transcript, me)
    expect(secrets.map((secret) => secret.toString('base64url'))).toEqual(messageSecrets)
    expect([th, root]).toEqual([b(newest.transcript), b(newest.root)])
  })

  it('opens every message, and finds each chain whole', () => {
    const { secrets } = readLog(transcript, 'receiver')
    const chains = new Map<string, Buffer>()
    const last: Record<Side, Buffer> = { requester: Buffer.alloc(32), receiver: Buffer.alloc(32) }
    const types = ['text', 'media', 'reaction', 'edit', 'delete', 'settings']
    expect(transcript.messages.length).toBeGreaterThan(2)
    for (const { by, type, epoch, counter, lamport, body, sealed } of transcript.messages) {
      const read = readMessage(transcript, by, secrets, b(sealed))
      expect(read).toMatchObject({ type: types.indexOf(type) + 1, epoch, counter, lamport, body })
      expect(read.prev).toEqual(chains.get(read.device) ?? Buffer.alloc(32))
      expect(read.ack).toEqual(last[other(by)])
      chains.set(read.device, sha(b(sealed)))
      last[by] = sha(b(sealed))
    }
  })

  it('opens nothing of which a byte was changed', () => {
    const { secrets } = readLog(transcript, 'receiver')
    const [{ by, sealed }] = transcript.messages as [Transcript['messages'][0]]
    for (const at of [0, 2, 22, 23, 62, 70, 134, 135, 159, 191, b(sealed).length - 1]) {
      const changed = b(sealed)
      changed[at] = (changed[at] as number) ^ 1
      expect(() => readMessage(transcript, by, secrets, changed), `byte ${at}`).toThrow()
    }
    const entries = transcript.entries.map((entry) => ({ ...entry })) as Transcript['entries']
    entries[1].sig = entries[0].sig
    expect(() => readLog({ ...transcript, entries }, 'receiver')).toThrow('not signed')
  })

  it('reads receipts and typing', () => {
    const { secrets } = readLog(transcript, 'requester')
    for (const { by, deviceId, revision, body, peer, own, accountKey } of transcript.receipts) {
      const box = b(peer)
      const epoch = box.readUInt32BE(0)
      const place = (e: number) =>
        label('kith/v1/receipt', b(connectionId), u32(e), b(transcript[by].userId), b(deviceId), u64(revision))
      const key = expand(secrets[epoch] as Buffer, place(epoch), 32)
      const plain = unpad(openBox(key, box.subarray(4, 28), box.subarray(28), place(epoch)))
      const signed = label('kith/v1/receipt-sig', zero, place(epoch), sha(plain.subarray(64)))
      must(
        ed25519.verify(plain.subarray(0, 64), signed, b(transcript[by].identityKey), { zip215: false }),
        'not signed',
      )
      expect(plain.subarray(64).toString()).toBe(body)
      const account = hmac(Buffer.alloc(32), b(accountKey))
      const ownKey = expand(account, label('kith/v1/own-receipt', zero, b(connectionId)), 32)
      expect(unpad(openBox(ownKey, b(own).subarray(0, 24), b(own).subarray(24), place(0))).toString()).toBe(body)
    }
    for (const { by, epoch, timeMs, sealed } of transcript.typing) {
      const place = label('kith/v1/typing', b(connectionId), b(transcript[by].userId))
      const key = expand(secrets[epoch] as Buffer, place, 32)
      expect(openBox(key, b(sealed).subarray(0, 24), b(sealed).subarray(24), place)).toEqual(u64(timeMs))
    }
  })

  it('reads the note, as whoever is asked', () => {
    const { note, sealedNote, receiver } = transcript
    const named = JSON.parse(b(transcript.entries[0].bytes).toString()).note as string | null
    expect(named).toBe(sealedNote && sha(b(sealedNote)).toString('base64url'))
    if (!sealedNote) return
    const [ct, box] = [b(sealedNote).subarray(0, 1120), b(sealedNote).subarray(1120)]
    const place = label('kith/v1/conn-note', b(connectionId))
    const k = hmac(sha(ct, b(receiver.agreementKey)), xwing(b(receiver.agreementSecret), ct))
    const key = expand(k, label('kith/v1/seal', zero, place), 32)
    expect(unpad(openBox(key, Buffer.alloc(24), box, place)).toString()).toBe(note)
  })
})
