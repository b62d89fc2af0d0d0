import 'fake-indexeddb/auto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { newDeviceId, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import type { StoredMessage } from '../../shared/wire/connections.ts'
import { ModelDevice, ModelServer, modelPerson, newConnectionId } from '../testing/chat-world.ts'
import { RowKey } from './rows.ts'
import { ChatStore } from './store.ts'

const LATER_MS = 3 * 86_400_000

/** What a server makes of a row, or in its place. None of it was ever signed so. */
const lies: Record<string, (row: StoredMessage, at: number) => StoredMessage> = {
  'a flipped bit': (row, at) => ({ ...row, sealed: row.sealed && flipped(row.sealed, at % row.sealed.length) }),
  'one that is cut short': (row, at) => ({ ...row, sealed: row.sealed?.slice(0, at % row.sealed.length) ?? null }),
  'bytes by chance': (row) => ({ ...row, sealed: randomBytes(600) }),
  'another device beside it': (row) => ({ ...row, deviceId: newDeviceId() }),
  'another number beside it': (row, at) => ({ ...row, counter: row.counter + 1 + (at % 9) }),
  'another sender beside it': (row) => ({ ...row, senderId: newUserId() }),
  'a number that nobody comes to': (row) => ({ ...row, counter: Number.MAX_SAFE_INTEGER, sealed: randomBytes(600) }),
  'an empty row': (row) => ({ ...row, sealed: null }),
  'an empty row of a device that is made up': (row) => ({ ...row, deviceId: newDeviceId(), sealed: null }),
  'an empty row whose time is over': (row) => ({ ...row, sealed: null, expiresAt: 1 }),
  'a place far ahead': (row, at) => ({ ...row, seq: row.seq + 1_000_000 + at, sealed: randomBytes(600) }),
}
const lie = fc.record({ how: fc.constantFrom(...Object.keys(lies)), row: fc.nat(), at: fc.nat({ max: 2000 }) })

function flipped(bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

async function shown(device: ModelDevice, id: ConnectionId): Promise<string[]> {
  const thread = await device.chat.open(id)
  const messages = await thread.read(0, thread.total.value)
  thread.close()
  return messages.map(({ content }) => (content.type === 'text' ? content.text : content.type))
}

it('a row that is refused changes nothing that was verified, and once it is shown as it was written nothing is left of the lie', {
  timeout: 60_000,
}, async () => {
  const told = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(lie, { minLength: 1, maxLength: 4 }), fc.boolean(), async (all, isAway) => {
      const server = new ModelServer()
      const id = newConnectionId()
      const [anna, ben] = [modelPerson('anna'), modelPerson('ben')]
      const [a, b] = [new ModelDevice(server, id, anna, ben), new ModelDevice(server, id, ben, anna)]
      for (const device of [a, b]) {
        await device.start()
        await device.chat.catchUp()
      }
      const write = async (text: string) => {
        await a.chat.outbox.add(id, 'text', { text })
        await a.chat.settled()
      }
      for (const text of ['one', 'two', 'three']) await write(text)
      await b.chat.catchUp()
      for (const text of ['four', 'five']) await write(text)

      const db = b.database
      const store = new ChatStore(async () => db, await RowKey.from(ben.secrets.accountKey))
      const verified = async () => {
        // What it says itself goes on meanwhile; how far it asked, and what it doubts, may change.
        const { receipt, cursor, fault, gap, doubtful, lookedAt, ...rest } = await store.readState(id)
        const rows = await Promise.all([db.getAll('messages'), db.getAll('effects')])
        return { ...rest, rows }
      }
      const before = await verified()
      const rows = server.since(0)
      const lastSeq = rows.length
      const messages = all.map(({ how, row, at }) => {
        told.add(how)
        return (lies[how] as (typeof lies)[string])(rows[row % rows.length] as StoredMessage, at)
      })
      // A device that was away for days takes a server's word for what is over, in a conversation that disappears alone.
      if (isAway) server.now += LATER_MS
      await b.chat.inbox.take(id, { messages, receipts: [], since: 3, lastSeq, more: false })
      expect(await verified()).toEqual(before)

      await b.chat.catchUp()
      await b.chat.settled()
      await b.chat.catchUp()
      await b.chat.settled()
      expect(await shown(b, id)).toEqual(['one', 'two', 'three', 'four', 'five'])
      const { doubtful, gap, fault, cursor, windows } = await store.readState(id)
      expect({ doubtful, gap, fault, cursor, windows: windows.length }).toEqual({
        doubtful: [],
        gap: null,
        fault: null,
        cursor: rows.length,
        windows: 1,
      })
      for (const device of [a, b]) await device.crash()
    }),
    { numRuns: 25, seed: 3, endOnFailure: true },
  )
  expect(told.size).toBe(Object.keys(lies).length)
})

it('keeps 64 rows in mind that prove nothing, however many are shown', async () => {
  const server = new ModelServer()
  const id = newConnectionId()
  const [anna, ben] = [modelPerson('anna'), modelPerson('ben')]
  const b = new ModelDevice(server, id, ben, anna)
  await b.start()
  await b.chat.catchUp()
  const messages = Array.from({ length: 100 }, (_, index): StoredMessage => {
    const row = { senderId: anna.secrets.userId, deviceId: newDeviceId(), counter: 1, expiresAt: null }
    return { ...row, seq: index + 1, sealed: randomBytes(600), createdAt: server.now }
  })
  await b.chat.inbox.take(id, { messages, receipts: [], since: 0, lastSeq: 100, more: false })
  const db = b.database
  const store = new ChatStore(async () => db, await RowKey.from(ben.secrets.accountKey))
  const { doubtful, windows } = await store.readState(id)
  expect([doubtful.length, windows.length]).toEqual([64, 0])
  await b.crash()
})
