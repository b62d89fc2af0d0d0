import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { KithApp } from '../client/app/kith-app.ts'
import type { Services } from '../client/app/services.ts'
import { sealChain } from '../client/chat/sealing.ts'
import type { Person } from '../e2e/support/person.ts'
import type { World } from '../e2e/support/world.ts'
import { readIdentityLog, startIdentityLog } from '../server/accounts/identity-log.ts'
import type { Person as Actor } from '../server/actor.ts'
import { changeSides } from '../server/connections/changes.ts'
import { askToConnect } from '../server/connections/request.ts'
import type { ConnectionRow, MessageRow } from '../server/db/chat-rows.ts'
import { openDatabase } from '../server/db/open.ts'
import type { AccountRow } from '../server/db/rows.ts'
import { type Db, type Deps, systemClock } from '../server/deps.ts'
import { createEvents } from '../server/realtime/events.ts'
import { makeRequest } from '../shared/crypto/connection-keys.ts'
import { newConnectionId, newDeviceId } from '../shared/crypto/random.ts'
import { publicKeyOf } from '../shared/crypto/signing.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { type ConnectionId, parseConnectionId, parseUserId, type UserId } from '../shared/format/ids.ts'
import { replayIdentity } from '../shared/logs/identity.ts'
import { ZERO_HASH } from '../shared/logs/signed.ts'
import { newPerson } from '../shared/testing/people.ts'
import { REQUEST_TTL_MS } from '../shared/wire/connections.ts'

/** Sealed, and written, in one go; SQLite takes no more values in one statement. */
const AT_ONCE = 50
const MINUTE_MS = 60_000
/** Some thirty messages a day. */
const EVERY_MS = 45 * MINUTE_MS

/** Who writes, with what their own device would seal with. */
export type Writer = { readonly userId: UserId; readonly seed: Bytes }
export type Filled = { readonly connectionId: ConnectionId; readonly epoch: number; readonly messageSecret: Bytes }

/** As people write on a phone: mostly a line, now and then more. */
const SAYINGS = [
  'Are the tomatoes ripe yet?',
  'Not quite. Next week, if the sun stays; the small ones by the wall are nearly there.',
  'Ok',
  '😄',
  'I can bring the big pot on Saturday. Shall we ask Mara and the others, too, or keep it small this time? Either is fine with me.',
  'Look what the neighbours do with theirs: https://example.org/garden',
  'On my way.\nTen minutes.\nThe bus waits for another one.',
]

/**
 * What these two wrote in turn, sealed and signed as their devices would, put where the server keeps it. The newest is of
 * a minute ago. Nobody is told: a page hears of it when it asks.
 */
export async function fillConversation(
  db: Db,
  { connectionId, epoch, messageSecret }: Filled,
  writers: readonly Writer[],
  count: number,
): Promise<void> {
  const chains = writers.map((writer) => ({ ...writer, deviceId: newDeviceId(), counter: 0, prev: ZERO_HASH }))
  const newestAt = Date.now() - MINUTE_MS
  for (let from = 0; from < count; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => from + index)
    const rows: MessageRow[] = []
    for (const [turn, chain] of chains.entries()) {
      const own = numbers.filter((number) => Math.floor(number / 3) % chains.length === turn)
      const sealed = await sealChain(
        own.map((number) => ({
          connectionId,
          epoch,
          senderId: chain.userId,
          deviceId: chain.deviceId,
          counter: ++chain.counter,
          lamport: number + 1,
          prev: chain.prev,
          ack: ZERO_HASH,
          type: 'text',
          body: JSON.stringify({ text: `${number + 1}. ${SAYINGS[number % SAYINGS.length]}`, sentAt: timeOf(number) }),
          messageSecret,
          identitySeed: chain.seed,
        })),
      )
      chain.prev = sealed.at(-1)?.hash ?? chain.prev
      const first = chain.counter - own.length + 1
      for (const [index, { bytes, hash }] of sealed.entries()) {
        const number = own[index] ?? 0
        rows.push({
          connection_id: connectionId,
          seq: number + 1,
          sender_id: chain.userId,
          device_id: chain.deviceId,
          counter: first + index,
          sealed: Buffer.from(bytes),
          hash: Buffer.from(hash),
          created_at: timeOf(number),
          expires_at: null,
        })
      }
    }
    await db<MessageRow>('connection_messages').insert(rows)
  }
  await db.transaction(async (trx) => {
    await trx<ConnectionRow>('connections').where({ connection_id: connectionId }).update({ last_seq: count })
    const sides = await trx('connection_sides').where({ connection_id: connectionId }).select('user_id')
    await changeSides(
      trx,
      connectionId,
      sides.map(({ user_id }) => user_id),
    )
  })

  function timeOf(number: number): number {
    return newestAt - (count - 1 - number) * EVERY_MS
  }
}

/** The server's own database, besides the server. */
export async function withDatabase<T>(world: World, run: (db: Db) => Promise<T>): Promise<T> {
  const db = await openDatabase(join(world.dataFolder, 'kith.sqlite'))
  try {
    return await run(db)
  } finally {
    await db.destroy()
  }
}

/** What the person's page seals with: their identity, and each conversation's newest secret. */
export async function writingOf({
  page,
}: Person): Promise<{ me: Writer; all: (Filled & { readonly peer: UserId })[] }> {
  const { userId, seed, all } = await page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { friends } = await services.openTalk()
    const { secrets } = services.session.requireUnlocked().groups.context
    const listed = friends.list.value.flatMap(({ connectionId, peer }) => {
      const epoch = friends.newestEpoch(connectionId)
      const secret = epoch === null ? null : friends.messageSecret(connectionId, epoch)
      return secret && epoch !== null ? [{ connectionId, epoch, secret: [...secret], peer: peer.userId }] : []
    })
    return { userId: secrets.userId as string, seed: [...secrets.identitySeed], all: listed }
  })
  return {
    me: { userId: parseUserId(userId), seed: new Uint8Array(seed) },
    all: all.map(({ connectionId, epoch, secret, peer }) => ({
      connectionId: parseConnectionId(connectionId),
      epoch,
      messageSecret: new Uint8Array(secret),
      peer: parseUserId(peer),
    })),
  }
}

/** People of the same server who have asked this one, each with keys of their own; straight into the tables. */
export async function askedBy(db: Db, asked: UserId, count: number): Promise<Map<UserId, Writer>> {
  const entries = await readIdentityLog(db, asked)
  const to = replayIdentity(entries, undefined, asked)
  const deps = { db, clock: systemClock, events: createEvents(), config: { rateScale: 1 } } as unknown as Deps
  const askers = new Map<UserId, Writer>()
  for (let index = 0; index < count; index++) {
    const { userId, username, seed, identity, actor } = await newPerson(`friend-${index}`)
    await db<AccountRow>('accounts').insert({
      user_id: userId,
      username,
      owns_instance: 0,
      recovery_key: randomBytes(32),
      created_at: Date.now(),
    })
    await startIdentityLog(db, userId, identity)
    const connectionId = newConnectionId()
    const author = { userId, identitySeed: seed, identityHead: actor.head, identityKey: publicKeyOf(seed) }
    const now = Date.now()
    const made = await makeRequest(connectionId, author, to, { note: null, now, expiresAt: now + REQUEST_TTL_MS })
    const body = { connectionId, peerId: asked, entry: made.pending.entry, note: null }
    await askToConnect(deps, { userId } as Actor, body)
    askers.set(userId, { userId, seed })
  }
  return askers
}
