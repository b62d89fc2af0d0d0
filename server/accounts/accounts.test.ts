import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { concat } from '../../shared/format/bytes.ts'
import { IDENTITY_LABEL } from '../../shared/logs/identity.ts'
import { hashEntry } from '../../shared/logs/signed.ts'
import {
  appendIdentity,
  changePassword,
  createAccount,
  finishRecovery,
  finishSignIn,
  listSessions,
  readIdentity,
  readSession,
  readUnlockBoxes,
  signOut,
  startRecovery,
  startSignIn,
  UNLOCK_BOX_BYTES,
} from '../../shared/wire/accounts.ts'
import { readVault, type VaultWrite, writeVault } from '../../shared/wire/vault.ts'
import { randomId } from '../testing/seed.ts'
import { box, sign } from '../testing/signing.ts'
import { TestPerson } from '../testing/test-person.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const DAY_MS = 24 * 3600_000
let server: TestServer
let anna: TestPerson
beforeEach(async () => {
  server = await startTestServer()
  anna = new TestPerson(server, 'anna')
})
afterEach(() => server.close())

const failsWith = (code: string) => expect.objectContaining({ code })

describe('sign-up', () => {
  it('gives the first account the instance and keeps all that came with it', async () => {
    await anna.signUp()
    expect(await anna.client.call(readSession)).toMatchObject({ userId: anna.userId, ownsInstance: true })
    expect((await anna.client.call(readVault)).items).toHaveLength(1)
    expect((await anna.client.call(readUnlockBoxes)).boxes.map(({ method }) => method)).toEqual([
      'password',
      'recovery',
    ])
  })

  it('lets exactly one of two first accounts own the instance', async () => {
    const both = [anna, new TestPerson(server, 'berta')]
    const bodies = await Promise.all(both.map((person) => person.accountBody()))
    const results = await Promise.allSettled(
      both.map((person, i) => person.client.call(createAccount, { body: bodies[i] as never })),
    )
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: failsWith('account/invite-needed'),
    })
    expect(await server.deps.db('accounts').where({ owns_instance: 1 })).toHaveLength(1)
  })

  it('refuses a stranger without invite, and takes one where sign-up is open', async () => {
    await anna.signUp()
    await expect(new TestPerson(server, 'berta').signUp()).rejects.toEqual(failsWith('account/invite-needed'))
    const open = await startTestServer({ config: { signup: 'open' } })
    await new TestPerson(open, 'anna').signUp()
    const berta = await new TestPerson(open, 'berta').signUp()
    expect(await berta.client.call(readSession)).toMatchObject({ ownsInstance: false })
    await expect(new TestPerson(open, 'berta').signUp()).rejects.toEqual(failsWith('account/name-taken'))
    await open.close()
  })

  it.each([1, 2])('pays with the invite: %i uses make as many accounts', async (maxUses) => {
    await anna.signUp()
    const invite = await anna.invite(anna.personalGroup as never, { maxUses })
    for (let i = 0; i < maxUses; i++) await new TestPerson(server, `friend${i}`).signUp(invite)
    await expect(new TestPerson(server, 'onemore').signUp(invite)).rejects.toEqual(failsWith('invite/used-up'))
  })

  it('refuses an invite of which the key is not known', async () => {
    await anna.signUp()
    const invite = await anna.invite(anna.personalGroup as never)
    const forged = { ...invite, secretKey: new TestPerson(server, 'x').secretKey }
    await expect(new TestPerson(server, 'berta').signUp(forged)).rejects.toEqual(failsWith('invite/invalid'))
  })

  it('stores nothing of an account whose group does not hold', async () => {
    const body = await anna.accountBody()
    const [group] = body.groups
    await expect(
      anna.client.call(createAccount, {
        body: { ...body, groups: [{ ...group, boxes: [{ ...group?.boxes[0], sealed: box() }] }] } as never,
      }),
    ).rejects.toEqual(failsWith('group/wrong-box'))
    expect(await server.deps.db('accounts')).toEqual([])
    await anna.signUp()
  })

  it('refuses a record that would break the sign-in', async () => {
    const body = await anna.accountBody()
    body.records.password = 'A'.repeat(256)
    await expect(anna.client.call(createAccount, { body })).rejects.toEqual(failsWith('request/invalid'))
  })
})

describe('sign-in', () => {
  it('opens with the password only', async () => {
    await anna.signUp()
    const client = await anna.signIn()
    expect(await client.call(readSession)).toMatchObject({ username: 'anna' })
    await expect(anna.signIn('wrong')).rejects.toEqual(failsWith('auth/failed'))
  })

  it('answers an unknown name and an unset slot in the same shape', async () => {
    await anna.signUp()
    const answers = await Promise.all(
      ['anna', 'nobody'].map(async (username) => {
        const person = new TestPerson(server, username)
        let shape = {}
        const client = server.client()
        const call = client.call.bind(client)
        client.call = async (route, input) => {
          const reply = await call(route, input)
          if (route.path === startSignIn.path) {
            const { signInId, responses } = reply as { signInId: string; responses: string[] }
            shape = { id: signInId.length, lengths: responses.map(({ length }) => length) }
          }
          return reply
        }
        const failure = await person.signIn('wrong', client).catch((error: unknown) => error)
        return { shape, failure }
      }),
    )
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]?.shape).toEqual({ id: 43, lengths: [427, 427] })
  })

  it('takes an answer once', async () => {
    await anna.signUp()
    const client = server.client()
    const call = client.call.bind(client)
    let finish: unknown
    client.call = async (route, input) => {
      if (route.path === finishSignIn.path && route.method === 'POST') finish = input?.body
      return call(route, input)
    }
    await anna.signIn(anna.password, client)
    await expect(call(finishSignIn, { body: finish as never })).rejects.toEqual(failsWith('auth/failed'))
  })

  it('forgets an attempt after a minute', async () => {
    await anna.signUp()
    const client = server.client()
    const call = client.call.bind(client)
    client.call = async (route, input) => {
      if (route.path === finishSignIn.path) server.clock.advance(60_000)
      return call(route, input)
    }
    await expect(anna.signIn(anna.password, client)).rejects.toEqual(failsWith('auth/failed'))
  })

  it('erases the account where the destruction password is used, and answers as to a wrong one', async () => {
    anna.destruction = 'burn it'
    await anna.signUp()
    const wrong = await anna.signIn('wrong').catch((error: unknown) => error)
    const burnt = await anna.signIn('burn it').catch((error: unknown) => error)
    expect(burnt).toEqual(wrong)
    for (const table of ['opaque_records', 'unlock_boxes', 'vault_items', 'vault_indexes', 'sessions', 'group_boxes']) {
      expect(await server.deps.db(table), table).toEqual([])
    }
    await expect(anna.signIn()).rejects.toEqual(failsWith('auth/failed'))
    await expect(anna.client.call(readSession)).rejects.toEqual(failsWith('auth/removed'))
    await expect(recover(anna)).rejects.toEqual(failsWith('recovery/failed'))
    expect(server.notices.at(-1)).toMatchObject({ kind: 'ended', sessions: [expect.any(String)], isRemoved: true })
  })
})

describe('sessions', () => {
  it('are over for a stolen cookie once the person signs out', async () => {
    await anna.signUp()
    const thief = server.client()
    for (const [name, value] of anna.client.cookies) thief.cookies.set(name, value)
    expect(await thief.call(readSession)).toMatchObject({ username: 'anna' })
    await anna.client.call(signOut)
    expect(anna.client.cookies.size).toBe(0)
    await expect(thief.call(readSession)).rejects.toEqual(failsWith('auth/required'))
  })

  it('go on as one device where somebody signs in again, and the token from before opens nothing', async () => {
    await anna.signUp()
    const thief = server.client()
    for (const [name, value] of anna.client.cookies) thief.cookies.set(name, value)
    const { sessions: before } = await anna.client.call(listSessions)
    server.clock.advance(DAY_MS)
    await anna.signIn(anna.password, anna.client)
    const { sessions } = await anna.client.call(listSessions)
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(before.map(({ sessionId }) => sessionId))
    expect(sessions[0]?.createdAt).toBe(server.clock.now())
    await expect(thief.call(readSession)).rejects.toEqual(failsWith('auth/required'))
  })

  it('of somebody else in the same browser are left alone', async () => {
    await anna.signUp()
    const invite = await anna.invite(anna.personalGroup as never)
    const ben = await new TestPerson(server, 'ben').signUp(invite)
    const before = server.client()
    for (const [name, value] of anna.client.cookies) before.cookies.set(name, value)
    await ben.signIn(ben.password, anna.client)
    expect(await anna.client.call(readSession)).toMatchObject({ username: 'ben' })
    expect(await before.call(readSession)).toMatchObject({ username: 'anna' })
  })

  it('end when idle, and in the end also when used', async () => {
    await anna.signUp()
    for (let day = 0; day < 85; day += 17) {
      server.clock.advance(17 * DAY_MS)
      await anna.client.call(readSession)
    }
    server.clock.advance(5 * DAY_MS)
    await expect(anna.client.call(readSession)).rejects.toEqual(failsWith('auth/required'))
    const client = await anna.signIn()
    server.clock.advance(30 * DAY_MS)
    await expect(client.call(readSession)).rejects.toEqual(failsWith('auth/required'))
  })

  it('keep no token that opens anything in the database', async () => {
    await anna.signUp()
    const [token] = anna.client.cookies.values()
    const [row] = await server.deps.db('sessions')
    expect(JSON.stringify(row)).not.toContain(token)
    expect(row.token_hash).toHaveLength(32)
  })

  it('use a cookie that no script and no other site can use', async () => {
    await anna.signUp()
    const response = await server.client().fetch('/api/recovery/start', { method: 'POST' })
    expect(response.headers.getSetCookie()).toEqual([])
    const https = await startTestServer({ config: { origin: 'https://kith.example.org' } })
    const client = https.client()
    const person = new TestPerson(https, 'anna')
    const fetchAs = client.fetch.bind(client)
    let cookie = ''
    client.fetch = async (path, init) => {
      const answer = await fetchAs(path, { ...init, headers: { ...init?.headers, Origin: 'https://kith.example.org' } })
      cookie = answer.headers.getSetCookie()[0] ?? cookie
      return answer
    }
    person.client = client
    await person.signUp()
    expect(cookie).toMatch(/^__Host-kith=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure; Max-Age=\d+$/)
    await https.close()
  })
})

describe('vault', () => {
  it('that would be too large for one answer is refused, and stays as it was', async () => {
    await anna.signUp()
    const { db } = server.deps
    const item = () => ({ name: `groups/${randomId()}`, version: 1, sealed: box(262_144) })
    const stored = Array.from({ length: 62 }, () => ({ ...item(), user_id: anna.userId }))
    for (let from = 0; from < 62; from += 31) await db('vault_items').insert(stored.slice(from, from + 31))
    const write = (version: number) => {
      const index = { version, sealed: box(64) }
      const body = anna.vaultWrite({ ifIndexVersion: version - 1, index, put: [item()], remove: [] })
      return anna.client.call(writeVault, { body })
    }
    await write(2)
    await expect(write(3)).rejects.toEqual(failsWith('request/too-large'))
    const index = await db('vault_indexes').where({ user_id: anna.userId }).first('version')
    expect(index).toEqual({ version: 2 })
  })

  it('lets one of two writers win', async () => {
    await anna.signUp()
    const write = (version: number) =>
      anna.vaultWrite({
        ifIndexVersion: 1,
        index: { version: 2, sealed: box(50) },
        put: [{ name: 'settings', version, sealed: box(50) }],
        remove: [],
      })
    const results = await Promise.allSettled([1, 2].map((v) => anna.client.call(writeVault, { body: write(v) })))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(results[1]).toMatchObject({ reason: failsWith('vault/conflict') })
    expect((await anna.client.call(readVault)).items).toMatchObject([
      { name: 'identity' },
      { name: 'settings', version: 1 },
    ])
  })

  it('refuses an item older than the stored one, and then changes nothing', async () => {
    await anna.signUp()
    const body = anna.vaultWrite({
      ifIndexVersion: 1,
      index: { version: 2, sealed: box(50) },
      put: [{ name: 'identity', version: 1, sealed: box(50) }],
      remove: [],
    })
    await expect(anna.client.call(writeVault, { body })).rejects.toEqual(failsWith('vault/conflict'))
    expect((await anna.client.call(readVault)).index?.version).toBe(1)
  })

  const junk = () => ({
    ifIndexVersion: 1,
    index: { version: 2, sealed: box(50) },
    put: [{ name: 'settings', version: 1, sealed: box(50) }],
    remove: ['identity'],
  })
  const forgeries: [string, (signed: VaultWrite) => VaultWrite][] = [
    ['is signed by nobody', (signed) => ({ ...signed, sig: box(64) })],
    ['is signed by somebody else', () => new TestPerson(server, 'eve').vaultWrite(junk())],
    ['brings another index', (signed) => ({ ...signed, index: { ...signed.index, sealed: box(50) } })],
    ['names another version', (signed) => ({ ...signed, index: { ...signed.index, version: 3 } })],
    ['brings another item', (signed) => ({ ...signed, put: signed.put.map((item) => ({ ...item, sealed: box(50) })) })],
    ['removes one item less', (signed) => ({ ...signed, remove: [] })],
    ['removes what it should put', (signed) => ({ ...signed, put: [], remove: ['identity', 'settings'] })],
  ]
  it.each(forgeries)('is not changed by whoever has no more than the cookie: a write that %s', async (_, forge) => {
    await anna.signUp()
    const before = await anna.client.call(readVault)
    const body = forge(anna.vaultWrite(junk()))
    await expect(anna.client.call(writeVault, { body })).rejects.toEqual(failsWith('vault/forbidden'))
    expect(await anna.client.call(readVault)).toEqual(before)
  })

  it('takes no write a second time', async () => {
    await anna.signUp()
    const body = anna.vaultWrite({ ...junk(), remove: [] })
    await anna.client.call(writeVault, { body })
    await expect(anna.client.call(writeVault, { body })).rejects.toEqual(failsWith('vault/conflict'))
  })

  it('begins with an account whose identity signed it', async () => {
    const body = await anna.accountBody()
    body.vault = { ...body.vault, sig: box(64) }
    await expect(anna.client.call(createAccount, { body })).rejects.toEqual(failsWith('vault/forbidden'))
    expect(await server.deps.db('accounts')).toEqual([])
  })
})

describe('identity log', () => {
  it('refuses a statement blown up with spaces: whoever looks for the person reads all of them', async () => {
    await anna.signUp()
    const ifHead = hashEntry(anna.identity)
    const { bytes } = anna.addStatement()
    const large = concat(bytes, new Uint8Array(16_384).fill(0x20))
    const entry = { bytes: large, sig: sign(anna.secretKey, IDENTITY_LABEL, large) }
    await expect(anna.client.call(appendIdentity, { body: { ifHead, entry } })).rejects.toEqual(
      failsWith('request/too-large'),
    )
  })

  it('grows by 30 statements a day at most, each of them checked against the newest alone', async () => {
    const strict = await startTestServer({ config: { rateScale: 1 } })
    try {
      const person = await new TestPerson(strict, 'anna').signUp()
      let ifHead = hashEntry(person.identity)
      const read: string[] = []
      strict.deps.db.on('query', ({ sql }: { sql: string }) => read.push(sql))
      const add = async () => {
        const entry = person.addStatement()
        await person.client.call(appendIdentity, { body: { ifHead, entry } })
        ifHead = hashEntry(entry)
      }
      for (let i = 0; i < 30; i++) await add()
      await expect(add()).rejects.toEqual(failsWith('auth/rate-limited'))
      const whole = read.filter((sql) => /^select .* from `identity_entries`/.test(sql) && !sql.includes('limit'))
      expect(whole).toEqual([])
    } finally {
      await strict.close()
    }
  })

  it('grows only from its head, by its own person', async () => {
    await anna.signUp()
    const ifHead = hashEntry(anna.identity)
    const entry = anna.addStatement()
    await anna.client.call(appendIdentity, { body: { ifHead, entry } })
    await expect(anna.client.call(appendIdentity, { body: { ifHead, entry } })).rejects.toEqual(
      failsWith('log/conflict'),
    )
    const { entries } = await anna.client.call(readIdentity, { params: { userId: anna.userId } })
    expect(entries).toHaveLength(2)
    const foreign = new TestPerson(server, 'eve').identity
    await expect(
      anna.client.call(appendIdentity, { body: { ifHead: hashEntry(entry), entry: foreign } }),
    ).rejects.toEqual(failsWith('identity/changed'))
  })
})

describe('recovery and new password', () => {
  it('opens by the recovery key, and changes the password', async () => {
    await anna.signUp()
    const elsewhere = await anna.signIn()
    anna.client = await recover(anna)
    await renew(anna, 'new password')
    await expect(elsewhere.call(readSession)).rejects.toEqual(failsWith('auth/removed'))
    await expect(anna.signIn('correct horse')).rejects.toEqual(failsWith('auth/failed'))
    await anna.signIn('new password')
  })

  it('reaches a stolen device that was closed while unlocked: its next word is answered with the removal', async () => {
    await anna.signUp()
    const stolen = await anna.signIn()
    await renew(anna, 'new password')
    expect(server.notices.at(-1)).toMatchObject({ kind: 'ended', sessions: [expect.any(String)], isRemoved: true })
    await expect(stolen.call(readVault)).rejects.toEqual(failsWith('auth/removed'))
    await anna.client.call(readSession)
  })

  it('answers unknown names alike', async () => {
    await anna.signUp()
    const stranger = new TestPerson(server, 'nobody')
    const wrong = new TestPerson(server, 'anna')
    const failures = await Promise.all([stranger, wrong].map((p) => recover(p).catch((error: unknown) => error)))
    expect(failures[0]).toEqual(failures[1])
    expect(failures[0]).toEqual(failsWith('recovery/failed'))
  })

  it('asks for a fresh session', async () => {
    await anna.signUp()
    server.clock.advance(10 * 60_000)
    await expect(renew(anna, 'new password')).rejects.toEqual(failsWith('auth/expired'))
  })

  it('does not finish a sign-in that began before the change', async () => {
    await anna.signUp()
    const client = server.client()
    const call = client.call.bind(client)
    client.call = async (route, input) => {
      if (route.path === finishSignIn.path) await renew(anna, 'new password')
      return call(route, input)
    }
    await expect(anna.signIn('correct horse', client)).rejects.toEqual(failsWith('auth/failed'))
  })

  it('refuses a method that the statement does not list', async () => {
    await anna.signUp()
    await expect(renew(anna, 'new', 'passkey')).rejects.toEqual(failsWith('identity/foreign-method'))
    await anna.signIn()
  })
})

async function recover(person: TestPerson) {
  const client = server.client()
  const { challengeId, challenge } = await client.call(startRecovery, { body: { username: person.username } })
  const sig = sign(person.recoverySecretKey, 'kith/v1/recovery', challenge)
  await client.call(finishRecovery, { body: { challengeId, sig, deviceId: person.deviceId } })
  return client
}

async function renew(person: TestPerson, password: string, method: 'password' | 'passkey' = 'password') {
  const ifIdentityHead = hashEntry(person.identity)
  await person.client.call(changePassword, {
    body: {
      records: { password: await person.register(0, password), destruction: null },
      unlock: [{ method, sealed: box(UNLOCK_BOX_BYTES) }],
      ifIdentityHead,
      identity: person.addStatement(),
    },
  })
}
