import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { appendConnectionLog, catchUp, type StoredMessage } from '../../shared/wire/connections.ts'
import { openDatabase } from '../db/open.ts'
import { ask, befriend, rotateOf, sealedBy, send, type Talker, talkerOf, viewOf } from '../testing/chat.ts'
import { box } from '../testing/signing.ts'
import { SpawnedServer } from '../testing/spawned-server.ts'
import { TestPerson } from '../testing/test-person.ts'

let server: SpawnedServer
let [anna, ben] = [] as unknown as [Talker, Talker]
let connectionId: ConnectionId
beforeEach(async () => {
  server = new SpawnedServer({ KITH_SIGNUP: 'open' })
  await server.start()
  const door = await server.door()
  anna = talkerOf(await new TestPerson(door, 'anna').signUp())
  ben = talkerOf(await new TestPerson(door, 'ben').signUp())
  connectionId = (await befriend(anna, ben)).connectionId
})
afterEach(() => server.remove())

async function restart(): Promise<void> {
  await server.start()
  for (const person of [anna, ben]) person.client = server.again(person.client)
}

async function readAll({ client }: Talker): Promise<StoredMessage[]> {
  const found: StoredMessage[] = []
  for (;;) {
    const body = { cursors: [{ connectionId, logFrom: 2, since: found.at(-1)?.seq ?? 0 }] }
    const [answer] = (await client.call(catchUp, { body })).connections
    found.push(...(answer?.messages ?? []))
    if (!answer?.more) return found
  }
}

it('keeps every message that it acknowledged before kill -9, and each once', async () => {
  const sent: Bytes[] = []
  const acknowledged = new Map<number, Bytes>()
  const talk = async (sender: Talker) => {
    for (let counter = 1; ; counter++) {
      const sealed = sealedBy(sender, connectionId, { counter })
      sent.push(sealed)
      acknowledged.set((await send(sender, connectionId, sealed)).seq, sealed)
      if (acknowledged.size === 40) void server.kill()
    }
  }
  const ends = await Promise.allSettled([talk(anna), talk(ben)])
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(acknowledged.size).toBeGreaterThanOrEqual(40)

  await restart()
  const kept = await readAll(ben)
  for (const [seq, sealed] of acknowledged) expect(kept[seq - 1]).toMatchObject({ seq, sealed })
  // Each device sends again what it is not sure of.
  for (const sealed of sent) {
    const sender = Buffer.from(sealed.subarray(23, 39)).toString('base64url') === anna.userId ? anna : ben
    await send(sender, connectionId, sealed)
  }
  const all = await readAll(anna)
  expect(all.map(({ seq }) => seq)).toEqual(sent.map((_, i) => i + 1))
  expect(new Set(all.map(({ sealed }) => Buffer.from(sealed ?? []).toString('hex'))).size).toBe(sent.length)
}, 60_000)

it('has one log after kill -9 in the middle of rotations, and takes the last one once more', async () => {
  let view = await viewOf(anna, connectionId)
  let pending = rotateOf(anna, 1, view.head)
  const rotating = (async () => {
    for (;;) {
      pending = rotateOf(anna, view.length - 1, view.head)
      const body = { ifHead: view.head, ifLastSeq: 0, entry: pending }
      view = await anna.client.call(appendConnectionLog, { params: { connectionId }, body })
      if (view.length === 12) void server.kill()
    }
  })()
  await expect(rotating).rejects.toThrow()

  await restart()
  const kept = await viewOf(ben, connectionId)
  expect([view.length, view.length + 1]).toContain(kept.length)
  // As the device does that never got its answer: the same bytes on the same head.
  const body = { ifHead: view.head, ifLastSeq: 0, entry: pending }
  const after = await anna.client.call(appendConnectionLog, { params: { connectionId }, body })
  expect(after.length).toBe(view.length + 1)
  const cursors = [{ connectionId, logFrom: 0, since: 0 }]
  const [answer] = (await ben.client.call(catchUp, { body: { cursors } })).connections
  expect(answer?.entries).toHaveLength(after.length)
}, 60_000)

it('erases what had to disappear while it was dead', async () => {
  await send(anna, connectionId, sealedBy(anna, connectionId, { counter: 1 }), 86_400_000)
  await send(anna, connectionId, sealedBy(anna, connectionId, { counter: 2 }))
  const third = talkerOf(await new TestPerson(await server.door(), 'carl').signUp())
  const asked = await ask(third, anna, box(1200))
  await server.kill()
  const path = join(server.folder, 'kith.sqlite')
  const before = await openDatabase(path)
  const past = { expires_at: Date.now() - 1 }
  await before('connection_messages').whereNotNull('expires_at').update(past)
  await before('connections').where({ connection_id: asked.connectionId }).update(past)
  await before.destroy()

  await restart()
  expect((await readAll(ben)).map(({ sealed }) => sealed === null)).toEqual([true, false])
  expect(await viewOf(anna, asked.connectionId)).toMatchObject({ state: 'ended', note: null })
  // The sweep at the start ends before the process does.
  await server.kill('SIGTERM')
  const after = await openDatabase(path)
  expect(await after('connection_messages').orderBy('seq').pluck('sealed')).toEqual([null, expect.any(Buffer)])
  expect(await after('connections').whereNotNull('note')).toEqual([])
  await after.destroy()
}, 60_000)
