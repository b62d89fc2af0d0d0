import 'fake-indexeddb/auto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isAppError } from '../../shared/errors.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import type { MessageTtl } from '../../shared/wire/connections.ts'
import { ModelDevice, ModelServer, modelPerson, newConnectionId, pass } from '../testing/chat-world.ts'

const DAY_MS = 86_400_000

type Step =
  | {
      readonly do: 'write' | 'catch up' | 'wait' | 'crash' | 'rotate' | 'read'
      readonly at: number
    }
  | { readonly do: 'set'; readonly at: number; readonly ttl: MessageTtl }
  | { readonly do: 'time'; readonly at: number; readonly hours: number }
  | { readonly do: 'cut'; readonly at: number; readonly when: 'before' | 'after' | 'both' | 'never' }

const at = fc.integer({ min: 0, max: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('catch up' as const), at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), at }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'rotate' as const, 'read' as const), at }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('cut' as const),
      at,
      when: fc.constantFrom('before' as const, 'after' as const, 'both' as const, 'never' as const),
    }),
  },
)
const disappearing = fc.oneof(
  { weight: 8, arbitrary: step },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('set' as const), at, ttl: fc.constantFrom(null, DAY_MS, 7 * DAY_MS) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), at, hours: fc.integer({ min: 1, max: 40 }) }) },
) as fc.Arbitrary<Step>

/** Two people, the first on two devices. */
async function run(steps: readonly Step[]) {
  const server = new ModelServer()
  const id = newConnectionId()
  const [anna, ben] = [modelPerson('anna'), modelPerson('ben')]
  const devices = [
    new ModelDevice(server, id, anna, ben),
    new ModelDevice(server, id, anna, ben),
    new ModelDevice(server, id, ben, anna),
  ]
  const written: string[] = []
  for (const device of devices) await device.start()
  for (const step of steps) {
    const device = devices[step.at] as ModelDevice
    if (step.do === 'write') {
      const text = `text ${written.length}`
      written.push(text)
      await device.chat.outbox.add(id, 'text', { text })
    }
    if (step.do === 'set') await device.chat.outbox.add(id, 'settings', { disappearAfterMs: step.ttl })
    if (step.do === 'time') server.pass(step.hours * 3_600_000)
    if (step.do === 'catch up') await quietly(device.chat.catchUp())
    if (step.do === 'wait') await pass()
    if (step.do === 'crash') await device.restart()
    if (step.do === 'rotate') device.connections.isRotationDue = true
    if (step.do === 'read') await quietly(read(device, id))
    if (step.do === 'cut') {
      const { when } = step
      device.line.cut = (now) => when === 'both' || when === now
    }
  }
  await settle(devices, id)
  return { server, id, devices, written, people: [anna, ben] as const }
}

async function read(device: ModelDevice, id: ConnectionId): Promise<void> {
  const thread = await device.chat.open(id)
  await thread.markRead(thread.total.value - 1)
  thread.close()
  await device.chat.receipts.tell(id)
}

/** The network is there again: everybody gets everything. */
async function settle(devices: readonly ModelDevice[], id: ConnectionId): Promise<void> {
  for (const device of devices) device.line.cut = () => false
  for (let round = 0; round < 6; round++) {
    for (const device of devices) {
      await quietly(device.chat.catchUp())
      device.chat.outbox.kick(id)
      await device.chat.settled()
    }
  }
}

async function quietly(task: Promise<unknown>): Promise<void> {
  await task.catch((error: unknown) => {
    if (!isAppError(error)) throw error
  })
}

async function textsOn(device: ModelDevice, id: ConnectionId): Promise<string[]> {
  const thread = await device.chat.open(id)
  const messages = await thread.read(0, thread.total.value)
  thread.close()
  expect(
    messages.map(({ state, isMine }) => (isMine ? state !== 'waiting' && state !== 'failed' : true)),
  ).not.toContain(false)
  return messages.map(({ content }) => (content.type === 'text' ? content.text : content.type))
}

async function check({ server, id, devices }: Awaited<ReturnType<typeof run>>): Promise<string[]> {
  const [first, ...others] = await Promise.all(devices.map((device) => textsOn(device, id)))
  for (const other of others) expect(other).toEqual(first)
  for (const device of devices) {
    expect(device.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
    await device.crash()
  }
  expect(first).toHaveLength(server.rows.filter(({ expiresAt }) => expiresAt === null).length)
  for (const hashes of server.offered.values()) expect(hashes.size).toBe(1)
  return first ?? []
}

it('forgets the secret of every epoch of which nothing stays, and of no other, whatever is cut, killed or set', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(disappearing, { maxLength: 30 }), async (steps) => {
      const result = await run(steps)
      const { server, id, devices, people } = result
      server.pass(31 * DAY_MS)
      for (const device of devices) await device.restart()
      await settle(devices, id)
      const staying = new Set(server.rows.filter(({ expiresAt }) => expiresAt === null).map(({ epoch }) => epoch))
      const used = new Set(server.rows.map(({ epoch }) => epoch))
      const over = [...used].filter((epoch) => !staying.has(epoch))
      for (const { vault } of people) expect([...vault.forgotten].sort()).toEqual(over.sort())
      await check(result)
    }),
    { numRuns: 30 },
  )
})
