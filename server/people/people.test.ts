import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserId } from '../../shared/format/ids.ts'
import { block, listBlocks, readPerson, searchPeople, unblock } from '../../shared/wire/people.ts'
import { destroyAccount } from '../accounts/destroy.ts'
import { randomId, seedPerson } from '../testing/seed.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

type Seeded = Awaited<ReturnType<typeof seedPerson>>
let server: TestServer
let [anna, ann, ben, gone] = [] as unknown as [Seeded, Seeded, Seeded, Seeded]
beforeAll(async () => {
  server = await startTestServer()
  ;[anna, ann, ben, gone] = [
    await seedPerson(server, 'anna'),
    await seedPerson(server, 'ann'),
    await seedPerson(server, 'ben'),
    await seedPerson(server, 'anngone'),
  ]
  for (const name of ['ann_b', 'annxb', 'zoe.1']) await seedPerson(server, name)
  await destroyAccount(server.deps, gone.userId)
})
afterAll(() => server.close())

const found = async ({ client }: Seeded, name: string) =>
  (await client.call(searchPeople, { query: { name } })).people.map(({ username }) => username)

describe('searching', () => {
  it.each([
    ['ann', ['ann', 'ann_b', 'anna', 'annxb']],
    ['anna', ['anna']],
    ['ANN ', ['ann', 'ann_b', 'anna', 'annxb']],
    ['ＡＮＮＡ', ['anna']],
    ['zoe.', ['zoe.1']],
    ['ann_', ['ann_b']],
    ['%%', []],
    ["a' or 1=1--", []],
    ['  ', []],
    ['nn', []],
  ])('for %j finds the exact name first, then what begins so', async (name, expected) => {
    expect(await found(ben, name)).toEqual(expected)
  })

  it('finds everybody but oneself', async () => {
    expect(await found(anna, 'ann')).not.toContain('anna')
  })

  it('shows at most 20', async () => {
    for (let i = 10; i < 40; i++) await seedPerson(server, `crowd${i}`)
    expect(await found(ben, 'crowd')).toHaveLength(20)
  })

  it('needs a session and two letters', async () => {
    await expect(server.client().call(searchPeople, { query: { name: 'ann' } })).rejects.toMatchObject({
      code: 'auth/required',
    })
    const short = await ben.client.fetch('/api/people?name=a')
    expect(await short.json()).toMatchObject({ code: 'request/invalid' })
  })

  it('is limited, so that nobody tries all names', async () => {
    const strict = await startTestServer({ config: { rateScale: 1 } })
    try {
      const person = await seedPerson(strict, 'anna')
      for (let i = 0; i < 60; i++) await found(person, 'zz')
      await expect(found(person, 'zz')).rejects.toMatchObject({ code: 'auth/rate-limited' })
    } finally {
      await strict.close()
    }
  })
})

describe('people who blocked each other', () => {
  it('never see each other, whoever set it, and find no difference to somebody who is not there', async () => {
    const read = ({ client }: Seeded, userId: UserId) =>
      client.call(readPerson, { params: { userId } }).catch((error: Error) => error.message)
    await ben.client.call(block, { params: { userId: ann.userId } })
    expect(await found(ben, 'ann')).not.toContain('ann')
    expect(await found(ann, 'ben')).toEqual([])
    const nobody = await read(ben, randomId() as UserId)
    expect([await read(ann, ben.userId), await read(ben, ann.userId), await read(ben, gone.userId)]).toEqual(
      Array(3).fill(nobody),
    )
    expect(await ben.client.call(listBlocks)).toEqual({ people: [{ userId: ann.userId, username: 'ann' }] })
    expect(await ann.client.call(listBlocks)).toEqual({ people: [] })
    await ben.client.call(unblock, { params: { userId: ann.userId } })
    await ben.client.call(unblock, { params: { userId: ann.userId } })
    expect(await read(ann, ben.userId)).toEqual({ userId: ben.userId, username: 'ben' })
  })

  it('are never oneself, and exist', async () => {
    for (const userId of [ben.userId, randomId() as UserId]) {
      await expect(ben.client.call(block, { params: { userId } })).rejects.toMatchObject({ code: 'request/not-found' })
    }
  })
})
