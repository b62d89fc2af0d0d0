import { afterEach, beforeEach, expect, it } from 'vitest'
import type { GroupId } from '../shared/format/ids.ts'
import { openInvite } from '../shared/wire/groups.ts'
import { writeVault } from '../shared/wire/vault.ts'
import { startHousekeeping } from './housekeeping.ts'
import { box, proveOpen } from './testing/signing.ts'
import { TestPerson } from './testing/test-person.ts'
import { startTestServer, type TestServer } from './testing/test-server.ts'

const DAY_MS = 24 * 3600_000
let server: TestServer
let anna: TestPerson
beforeEach(async () => {
  server = await startTestServer()
  anna = await new TestPerson(server, 'anna').signUp()
})
afterEach(() => server.close())

it('forgets sessions that are over and the keys of invites that ran out', async () => {
  const invite = await anna.invite(anna.personalGroup as GroupId, { ttlMs: 2 * DAY_MS, code: 'amber-otter' })
  server.clock.advance(31 * DAY_MS)
  await startHousekeeping(server.deps).stop()
  expect(await server.deps.db('sessions')).toEqual([])
  expect(await server.deps.db('invites')).toMatchObject([{ sealed: Buffer.alloc(0), code: null }])
  const open = server.client().call(openInvite, { body: proveOpen(invite) })
  await expect(open).rejects.toMatchObject({ code: 'invite/expired' })
  server.clock.advance(DAY_MS)
  await startHousekeeping(server.deps).stop()
  expect(await server.deps.db('invites')).toEqual([])
})

it('says that the disk is full, and loses nothing', async () => {
  const { db } = server.deps
  const pages = await db.raw('PRAGMA page_count')
  await db.raw(`PRAGMA max_page_count = ${pages[0].page_count}`)
  const put = (version: number) => ({
    body: anna.vaultWrite({
      ifIndexVersion: version - 1,
      index: { version, sealed: box(200_000) },
      put: [],
      remove: [],
    }),
  })
  await expect(anna.client.call(writeVault, put(2))).rejects.toMatchObject({ code: 'storage/full' })
  await db.raw('PRAGMA max_page_count = 1000000')
  await anna.client.call(writeVault, put(2))
})
