import { afterEach, beforeEach, expect, it } from 'vitest'
import { concat } from '../../shared/format/bytes.ts'
import { WORKER_LABEL } from '../../shared/logs/worker-statement.ts'
import { readSession } from '../../shared/wire/accounts.ts'
import { listGroups } from '../../shared/wire/groups.ts'
import { finishWorkerSession, listWorkers, registerWorker, startWorkerSession } from '../../shared/wire/workers.ts'
import { randomId } from '../testing/seed.ts'
import { proveOpen, sign } from '../testing/signing.ts'
import { TestPerson } from '../testing/test-person.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { TestWorker } from '../testing/test-worker.ts'

let server: TestServer
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(() => server.close())

const failsWith = (code: string) => expect.objectContaining({ code })

it('registers by the token on the disk, signs in, and shows as online while it is there', async () => {
  const anna = await new TestPerson(server, 'anna').signUp()
  const worker = await (await (await new TestWorker(server).register()).register()).signIn()
  expect(await worker.client.call(listGroups)).toEqual({ groups: [] })
  const { workers } = await anna.client.call(listWorkers)
  expect(workers).toMatchObject([{ workerId: worker.workerId, online: true }])
  expect(workers[0]?.statement).toEqual(worker.statement)
  server.clock.advance(91_000)
  expect((await anna.client.call(listWorkers)).workers).toMatchObject([{ online: false }])
  await worker.client.call(listGroups)
  expect((await anna.client.call(listWorkers)).workers).toMatchObject([{ online: true }])
})

it.each([null, 'A'.repeat(43)])('refuses the token %s', async (token) => {
  await expect(new TestWorker(server).register(token)).rejects.toEqual(failsWith('auth/failed'))
})

it('registers by an invite for workers only', async () => {
  const anna = await new TestPerson(server, 'anna').signUp()
  const group = anna.personalGroup as never
  const { statement, client } = new TestWorker(server)
  const by = async (role: 'worker' | 'member') => {
    const invite = proveOpen(await anna.invite(group, { role }))
    return client.call(registerWorker, { body: { statement, token: null, invite } })
  }
  await expect(by('member')).rejects.toEqual(failsWith('invite/invalid'))
  await by('worker')
})

it('refuses another key for a known id', async () => {
  const first = await new TestWorker(server).register()
  const second = new TestWorker(server)
  const statement = { ...first.statement, sig: second.statement.sig }
  const { workerToken: token } = server.deps.secrets
  await expect(second.client.call(registerWorker, { body: { statement, token, invite: null } })).rejects.toEqual(
    failsWith('log/bad-signature'),
  )
})

it('refuses a replayed or foreign answer to the challenge', async () => {
  const { workerId, secretKey, client } = await new TestWorker(server).register()
  const { challengeId, challenge } = await client.call(startWorkerSession, { body: { workerId } })
  const sig = sign(secretKey, 'kith/v1/worker-auth', challenge)
  const body = { challengeId, sig }
  await client.call(finishWorkerSession, { body })
  await expect(client.call(finishWorkerSession, { body })).rejects.toEqual(failsWith('auth/failed'))
  const again = await client.call(startWorkerSession, { body: { workerId } })
  const replayed = { challengeId: again.challengeId, sig }
  await expect(client.call(finishWorkerSession, { body: replayed })).rejects.toEqual(failsWith('auth/failed'))
})

it('tells a worker that is not registered to do so', async () => {
  await expect(new TestWorker(server).signIn()).rejects.toEqual(failsWith('worker/unknown'))
})

it('gives a token that ends, and that is no session of a person', async () => {
  const worker = await (await new TestWorker(server).register()).signIn()
  await expect(worker.client.call(readSession)).rejects.toEqual(failsWith('auth/required'))
  server.clock.advance(server.deps.config.workerTokenMs)
  await expect(worker.client.call(listGroups)).rejects.toEqual(failsWith('auth/required'))
})

it('refuses a statement blown up with spaces: everybody reads the statements of all workers', async () => {
  const { client, secretKey, statement } = new TestWorker(server)
  const bytes = concat(statement.bytes, new Uint8Array(4096).fill(0x20))
  const large = { bytes, sig: sign(secretKey, WORKER_LABEL, bytes) }
  const { workerToken: token } = server.deps.secrets
  const register = client.call(registerWorker, { body: { statement: large, token, invite: null } })
  await expect(register).rejects.toEqual(failsWith('request/too-large'))
})

it('shows the 200 workers that were there last, however many somebody makes up', async () => {
  const anna = await new TestPerson(server, 'anna').signUp()
  const { statement } = new TestWorker(server)
  const row = {
    identity_key: Buffer.alloc(32),
    statement_bytes: Buffer.from(statement.bytes),
    statement_sig: Buffer.from(statement.sig),
    created_at: server.clock.now(),
    last_seen_at: server.clock.now(),
  }
  const made = Array.from({ length: 300 }, () => ({ ...row, worker_id: randomId() }))
  for (let from = 0; from < 300; from += 100) await server.deps.db('workers').insert(made.slice(from, from + 100))
  server.clock.advance(1000)
  const { workerId } = await new TestWorker(server).register()
  const { workers } = await anna.client.call(listWorkers)
  expect(workers).toHaveLength(200)
  expect(workers.map((worker) => worker.workerId)).toContain(workerId)
})
