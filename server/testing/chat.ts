import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { type Bytes, concat, utf8 } from '../../shared/format/bytes.ts'
import {
  type ConnectionId,
  type DeviceId,
  parseConnectionId,
  parseDeviceId,
  type UserId,
} from '../../shared/format/ids.ts'
import { encodeMessageHeader } from '../../shared/format/message-layout.ts'
import { ACCEPT_LABEL, REQUEST_LABEL, ROTATE_LABEL } from '../../shared/logs/connection-entries.ts'
import { AGREEMENT_KEY_BYTES, IDENTITY_LABEL, identityStatement } from '../../shared/logs/identity.ts'
import { encodeStatement, hashEntry, hashOf, type SignedEntry, ZERO_HASH } from '../../shared/logs/signed.ts'
import {
  appendConnectionLog,
  type ConnectionView,
  listConnections,
  type MessageTtl,
  requestConnection,
  sendMessage,
} from '../../shared/wire/connections.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import { startIdentityLog } from '../accounts/identity-log.ts'
import { randomId, seedPerson } from './seed.ts'
import { box, sign } from './signing.ts'
import type { TestClient } from './test-client.ts'
import type { TestPerson } from './test-person.ts'
import type { TestServer } from './test-server.ts'

/** Whoever may talk: an identity and a session. */
export interface Talker {
  server: Pick<TestServer, 'clock'>
  userId: UserId
  client: TestClient
  deviceId: DeviceId
  secretKey: Uint8Array
  identityKey: Bytes
  head: Bytes
}
export interface Friends {
  connectionId: ConnectionId
  a: Talker
  b: Talker
}

/** A person with an identity, straight into the tables. */
export async function seedTalker(server: TestServer, name: string): Promise<Talker> {
  const { userId, client } = await seedPerson(server, name)
  const secretKey = ed25519.utils.randomSecretKey()
  const identityKey = new Uint8Array(ed25519.getPublicKey(secretKey))
  const bytes = encodeStatement(identityStatement, {
    v: 1,
    userId,
    username: name,
    seq: 0,
    prev: ZERO_HASH,
    identityKey,
    agreementKey: box(AGREEMENT_KEY_BYTES),
    unlockMethods: [{ method: 'password', publicKey: box(AGREEMENT_KEY_BYTES) }],
    createdAt: server.clock.now(),
  })
  const entry = { bytes, sig: sign(secretKey, IDENTITY_LABEL, bytes) }
  await server.deps.db.transaction((trx) => startIdentityLog(trx, userId, entry))
  const deviceId = parseDeviceId(randomId())
  return { server, userId, client, deviceId, secretKey, identityKey, head: hashEntry(entry) }
}

/** Somebody who signed up by the front door. */
export function talkerOf(person: TestPerson): Talker {
  const { server, userId, client, deviceId, secretKey, identity } = person
  const identityKey = new Uint8Array(ed25519.getPublicKey(secretKey))
  return { server, userId, client, deviceId, secretKey, identityKey, head: hashEntry(identity) }
}

/** Signs any JSON; bytes in it become base64url. */
export function signedJson(secretKey: Uint8Array, label: string, value: object): SignedEntry {
  const text = JSON.stringify(value, (_, part) => (part instanceof Uint8Array ? toBase64Url(part) : part))
  const bytes = utf8(text)
  return { bytes, sig: sign(secretKey, label, bytes) }
}

type Changes = Record<string, unknown>
const keys = () => ({ x: box(32), w: box(1216) })
const from = ({ userId, identityKey, head }: Talker) => ({ userId, identityKey, identityHead: head })

/** What `a` would send to ask `b`; `changes` replace parts of the signed request. */
export function requestOf(a: Talker, b: Talker, note: Bytes | null = null, changes: Changes = {}) {
  const connectionId = parseConnectionId(randomId())
  const now = a.server.clock.now()
  const entry = signedJson(a.secretKey, REQUEST_LABEL, {
    v: 1,
    suite: 2,
    connectionId,
    from: from(a),
    to: { userId: b.userId, identityKey: b.identityKey },
    ...keys(),
    note: note && hashOf(note),
    createdAt: now,
    expiresAt: now + 30 * 86_400_000,
    ...changes,
  })
  return { connectionId, peerId: b.userId, entry, note } satisfies BodyOf<typeof requestConnection>
}

export function acceptOf(by: Talker, head: Bytes, changes: Changes = {}): SignedEntry {
  return signedJson(by.secretKey, ACCEPT_LABEL, {
    v: 1,
    request: head,
    from: from(by),
    ...keys(),
    ct: box(1120),
    createdAt: by.server.clock.now(),
    ...changes,
  })
}

export function rotateOf(by: Talker, epoch: number, prev: Bytes, changes: Changes = {}): SignedEntry {
  return signedJson(by.secretKey, ROTATE_LABEL, {
    v: 1,
    author: by.userId,
    epoch,
    prev,
    ...keys(),
    ct: box(1120),
    reason: 'scheduled',
    closes: [],
    createdAt: by.server.clock.now(),
    ...changes,
  })
}

export const ask = (a: Talker, b: Talker, note: Bytes | null = null): Promise<ConnectionView> =>
  a.client.call(requestConnection, { body: requestOf(a, b, note) })

export function append(by: Talker, view: ConnectionView, entry: SignedEntry): Promise<ConnectionView> {
  const { connectionId, head, lastSeq } = view
  return by.client.call(appendConnectionLog, {
    params: { connectionId },
    body: { ifHead: head, ifLastSeq: lastSeq, entry },
  })
}

export const accept = (by: Talker, view: ConnectionView): Promise<ConnectionView> =>
  append(by, view, acceptOf(by, view.head))

export const rotate = async (by: Talker, connectionId: ConnectionId): Promise<ConnectionView> => {
  const view = await viewOf(by, connectionId)
  return append(by, view, rotateOf(by, view.length - 1, view.head))
}

export async function befriend(a: Talker, b: Talker): Promise<Friends> {
  const view = await ask(a, b)
  await accept(b, view)
  return { connectionId: view.connectionId, a, b }
}

/** As the person's own list shows it. @throws where it is not in there */
export async function viewOf({ client }: Talker, connectionId: ConnectionId): Promise<ConnectionView> {
  const { connections } = await client.call(listConnections, { query: { since: 0 } })
  const found = connections.find((view) => view.connectionId === connectionId)
  if (!found) throw new Error('not in the list')
  return found
}

interface Place {
  epoch?: number
  counter?: number
  deviceId?: DeviceId
  senderId?: UserId
}

/** A message with a true header; the rest is random, as the server cannot tell. */
export function sealedBy(sender: Talker, connectionId: ConnectionId, place: Place = {}, sizeBytes = 463): Bytes {
  const header = encodeMessageHeader({
    type: 1,
    connectionId,
    epoch: place.epoch ?? 0,
    senderId: place.senderId ?? sender.userId,
    deviceId: place.deviceId ?? sender.deviceId,
    counter: place.counter ?? 1,
    lamport: 1,
    prev: ZERO_HASH,
    ack: ZERO_HASH,
  })
  return concat(header, randomBytes(sizeBytes - header.length))
}

export function send(
  { client }: Talker,
  connectionId: ConnectionId,
  sealed: Bytes,
  ttlMs: MessageTtl = null,
): Promise<{ seq: number; createdAt: number }> {
  return client.call(sendMessage, { params: { connectionId }, body: { sealed, ttlMs } })
}
