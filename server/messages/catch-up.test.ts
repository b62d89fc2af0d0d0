import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { catchUp, MESSAGE_MAX_BYTES } from '../../shared/wire/connections.ts'
import type { BodyOf, ReplyOf } from '../../shared/wire/route.ts'
import type { ConnectionEntryRow, ReceiptRow } from '../db/chat-rows.ts'
import { createLimits } from '../middleware/limits.ts'
import { befriend, sealedBy, seedTalker, send, type Talker } from '../testing/chat.ts'
import { randomId } from '../testing/seed.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const BYTES_MAX = 8 * 2 ** 20

type Cursor = BodyOf<typeof catchUp>['cursors'][number]
type Answer = ReplyOf<typeof catchUp>['connections'][number]

let server: TestServer
let ben: Talker
beforeEach(async () => {
  server = await startTestServer()
  ben = await seedTalker(server, 'ben')
})
afterEach(() => server.close())

const fromStart = (connectionId: ConnectionId): Cursor => ({ connectionId, logFrom: 0, since: 0 })
const big = (bytes: number) => Buffer.alloc(bytes, 1)

function sizeOf(answers: readonly Answer[]): number {
  const parts = answers.flatMap(({ entries, messages, receipts }) => [
    ...entries.map(({ bytes, sig }) => bytes.length + sig.length),
    ...[...messages, ...receipts].map(({ sealed }) => sealed?.length ?? 0),
  ])
  return parts.reduce((sum, bytes) => sum + bytes, 0)
}

/** The longest log that goes into one answer, all the receipts that are kept, and two messages: of the largest size each. */
async function talkMuch(name: string): Promise<ConnectionId> {
  const { db } = server.deps
  const friend = await seedTalker(server, name)
  const { connectionId: connection_id } = await befriend(friend, ben)
  const entries = Array.from({ length: 254 }, (_, at): ConnectionEntryRow => {
    const by = { author_id: friend.userId, created_at: 0 }
    return { connection_id, seq: at + 2, bytes: big(16_384), sig: big(64), hash: randomBytes(32), ...by }
  })
  const box = { connection_id, revision: 1, peer: big(16_384), own: big(16_384), updated_at: 0 }
  const receipts = [friend, ben].flatMap(({ userId }) =>
    Array.from({ length: 32 }, () => ({ ...box, user_id: userId, device_id: randomId() }) as ReceiptRow),
  )
  for (let from = 0; from < 256; from += 64) await db('connection_entries').insert(entries.slice(from, from + 64))
  for (let from = 0; from < 64; from += 32) await db('receipts').insert(receipts.slice(from, from + 32))
  for (const counter of [1, 2]) {
    await send(friend, connection_id, sealedBy(friend, connection_id, { counter }, MESSAGE_MAX_BYTES))
  }
  return connection_id
}

describe('a small question for a large answer', () => {
  it('that names one conversation many times is refused', async () => {
    const { connectionId } = await befriend(await seedTalker(server, 'anna'), ben)
    const cursors = Array.from({ length: 64 }, () => fromStart(connectionId))
    const response = await ben.client.fetch('/api/connections/catch-up', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ cursors }),
    })
    expect(await response.json()).toMatchObject({ status: 400, code: 'request/invalid' })
  })

  it('gets no more than 8 MiB of logs, receipts and messages; the rest comes with the next ones, and nothing twice', async () => {
    const ids: ConnectionId[] = []
    for (const name of ['anna', 'dora', 'fred', 'gina']) ids.push(await talkMuch(name))
    const counts = new Map(ids.map((id) => [id, { entries: 0, messages: 0, receipts: 0 }]))
    let waiting = ids.map(fromStart)
    for (let answers = 0; waiting.length > 0; answers++) {
      expect(answers).toBeLessThan(8)
      const { connections } = await ben.client.call(catchUp, { body: { cursors: waiting } })
      expect(sizeOf(connections)).toBeLessThanOrEqual(BYTES_MAX)
      expect(sizeOf(connections.slice(0, 1))).toBeGreaterThan(0)
      waiting = connections.flatMap(({ connectionId, entries, messages, receipts, more }, at) => {
        const count = counts.get(connectionId)
        const { logFrom = 0, since = 0 } = waiting[at] ?? {}
        if (!count) throw new Error('nobody asked for it')
        count.entries += entries.length
        count.messages += messages.length
        count.receipts += receipts.length
        return more ? [{ connectionId, logFrom: logFrom + entries.length, since: messages.at(-1)?.seq ?? since }] : []
      })
    }
    for (const count of counts.values()) expect(count).toMatchObject({ entries: 256, messages: 2 })
    for (const { receipts } of counts.values()) expect(receipts).toBeGreaterThanOrEqual(64)
  })

  it('makes the server read nothing for what no longer fits', async () => {
    const ids: ConnectionId[] = []
    for (const name of ['anna', 'dora', 'fred']) ids.push(await talkMuch(name))
    const read: string[] = []
    server.deps.db.on('query', ({ sql }: { sql: string }) => read.push(sql))
    const { connections } = await ben.client.call(catchUp, { body: { cursors: ids.map(fromStart) } })
    expect(connections.map(({ more }) => more)).toEqual([false, true, true])
    expect(connections[2]).toMatchObject({ entries: [], messages: [], receipts: [], lastSeq: 2 })
    expect(read.filter((sql) => sql.includes('from `connection_entries`'))).toHaveLength(2)
    expect(read.filter((sql) => sql.includes('from `connection_messages`'))).toHaveLength(1)
  })
})

describe('asking without end', () => {
  it('is refused to one account, wherever it comes from, before anything is read', async () => {
    const strict = await startTestServer({ config: { rateScale: 1, trustProxy: true } })
    try {
      const { client } = await seedTalker(strict, 'anna')
      const ask = (from: number) =>
        client.fetch('/api/connections/catch-up', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': `203.0.113.${from}` },
          body: JSON.stringify({ cursors: Array.from({ length: 64 }, () => fromStart(randomId() as ConnectionId)) }),
        })
      for (let i = 0; i < 93; i++) expect((await ask(i)).status).toBe(200)
      const refused = await ask(93)
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    } finally {
      await strict.close()
    }
  })

  it('ends after 256 MiB in a minute: whoever has had more is refused before anything is read', async () => {
    const limits = createLimits(1)
    for (let i = 0; i < 32; i++) await limits.consume('answer-bytes', ben.userId, BYTES_MAX)
    await limits.consume('answer-bytes', ben.userId, 0)
    const refused = expect.objectContaining({ code: 'auth/rate-limited' })
    await expect(limits.consume('answer-bytes', ben.userId, BYTES_MAX)).rejects.toEqual(refused)
    await expect(limits.consume('answer-bytes', ben.userId, 0)).rejects.toEqual(refused)
  })
})
