import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { newDeviceId, newGroupId, newKey, newUserId } from '../../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { utf8 } from '../../shared/format/bytes.ts'
import type { UserId } from '../../shared/format/ids.ts'
import { codeOf, newPerson } from '../../shared/testing/people.ts'
import type { Route } from '../../shared/wire/route.ts'
import { readVault, writeVault } from '../../shared/wire/vault.ts'
import type { Api } from '../app/api.ts'
import { FakeServer } from '../testing/fake-server.ts'
import { identityOf } from '../testing/identity-of.ts'
import type { Crypto } from '../workers/crypto.ts'
import { groupItemName } from './items.ts'
import { openVault, sealVaultWrite } from './sealing.ts'
import { Vault } from './vault.ts'

const crypto = { openVault, sealVaultWrite } as unknown as Crypto
const accountKey = newKey()
const person = await newPerson('ada')
const { userId } = person
let server: FakeServer

const vaultOn = (at: FakeServer) => new Vault(at.apiOf(userId), crypto, { userId, accountKey })
const say = (vault: Vault, text: string) =>
  vault.update(() => new Map([...(vault.names().length === 0 ? [identityOf(person)] : []), ['settings', utf8(text)]]))

beforeEach(async () => {
  await eraseDevice()
  await createKey('device')
  await signInAs(userId)
  server = newServer()
})

it('is the same on the device as on the server, also for a device that starts again', async () => {
  await say(vaultOn(server), '1')
  const again = vaultOn(server)
  await again.openServed()
  expect(again.names()).toEqual(['identity', 'settings'])
  await again.openKept()
  await say(again, '2')
})

it('two writes for one version, and a device shown the other one: refused', async () => {
  await say(vaultOn(server), '1')
  const forked = newServer()
  await forgetVault()
  await say(vaultOn(forked), 'the other')
  // The device knows the fork's vault now, and is shown the first one again: both are of version 1.
  expect(await codeOf(() => vaultOn(server).openServed())).toBe('vault/rollback')
})

it('an older vault than this device has seen: refused', async () => {
  const vault = vaultOn(server)
  await say(vault, '1')
  const old = structuredClone(server.vaults.get(userId))
  await say(vault, '2')
  if (old) server.vaults.set(userId, old)
  expect(await codeOf(() => vaultOn(server).openServed())).toBe('vault/rollback')
})

it('only what the account’s identity signed is taken: somebody with the keys of the vault alone changes nothing', async () => {
  const eve = identityOf(await newPerson('eve'))
  expect(await codeOf(() => vaultOn(server).update(() => new Map([eve])))).toBe('vault/forbidden')
})

it('a vault that was never opened signs nothing', async () => {
  expect(await codeOf(() => vaultOn(server).update(() => new Map([['settings', utf8('1')]])))).toBe('vault/tampered')
})

describe('two tabs', () => {
  let here: Tab
  let there: Tab
  beforeEach(async () => {
    here = tab()
    there = tab()
    await say(here.vault, '1')
    await there.vault.openServed()
  })

  it('take turns: a write in one waits for an answer that is on its way to the other', async () => {
    const answer = here.hold(readVault)
    const opening = here.vault.openServed()
    await answer.came
    const writing = say(there.vault, '2')
    await vi.waitUntil(async () => (await navigator.locks.query()).pending?.length === 1)
    answer.give()
    await Promise.all([opening, writing])
    expect(await kept()).toEqual({ says: 2, seen: 2 })
  })

  describe('of which one is of an older version, which knows of no turns', () => {
    beforeEach(() => {
      here = tab(false)
      return here.vault.openServed()
    })

    it('an answer that was on its way while the other tab wrote: no rollback, and what was written stays', async () => {
      const answer = here.hold(readVault)
      const opening = here.vault.openServed()
      await answer.came
      await say(there.vault, '2')
      answer.give()
      await opening
      expect(await kept()).toEqual({ says: 2, seen: 2 })
      await say(there.vault, '3')
      expect(await kept()).toEqual({ says: 3, seen: 3 })
      // What this tab has is older, and takes nothing back.
      await say(here.vault, '4')
      expect(await kept()).toEqual({ says: 4, seen: 4 })
    })

    it('the answer to a write that comes after the other tab has gone on: nothing is mixed with what was written since', async () => {
      const answer = here.hold(writeVault)
      const writing = here.vault.update(() => new Map([['settings', utf8('2')]]))
      await answer.came
      await there.vault.update(() => new Map([[groupItemName(newGroupId()), utf8('0')]]))
      answer.give()
      await writing
      expect(await kept()).toEqual({ says: 2, seen: 3 })
    })

    it('a server that goes back meanwhile: refused', async () => {
      const old = structuredClone(server.vaults.get(userId))
      await say(there.vault, '2')
      if (old) server.vaults.set(userId, old)
      expect(await codeOf(() => here.vault.openServed())).toBe('vault/rollback')
      expect(await kept()).toEqual({ says: 2, seen: 2 })
    })
  })

  it.each([
    ['read', readVault, () => here.vault.openServed()],
    ['written', writeVault, () => say(here.vault, '2')],
  ] as const)('of which one signs out while the vault is %s: nothing of it is left', async (_, route, run) => {
    const answer = here.hold(route)
    const running = run()
    await answer.came
    await eraseDevice()
    answer.give()
    await running
    const db = await openDevice()
    expect([await db.count('vault'), await db.count('account')]).toEqual([0, 0])
  })
})

it('on the device of somebody else: opened, and theirs stays what it was', async () => {
  await say(vaultOn(server), '1')
  await signInAs(newUserId())
  const before = await (await openDevice()).getAll('vault')
  const visiting = vaultOn(server)
  await visiting.openServed()
  await say(visiting, '2')
  expect(await (await openDevice()).getAll('vault')).toEqual(before)
})

type Tab = {
  readonly vault: Vault
  /** Holds the next answer back, as the server has given it. */
  readonly hold: (route: Route) => { readonly came: Promise<void>; readonly give: () => void }
}

function tab(takesTurns = true): Tab {
  const inner = server.apiOf(userId)
  let held: { route: Route; come: () => void; given: Promise<void> } | undefined
  const call = async (route: Route, options: never) => {
    const reply = await inner.call(route, options)
    if (held?.route !== route) return reply
    const { come, given } = held
    held = undefined
    come()
    await given
    return reply
  }
  const lock = takesTurns ? undefined : (task: () => Promise<void>) => task()
  const vault = new Vault({ call } as unknown as Api, crypto, { userId, accountKey }, lock)
  const hold = (route: Route) => {
    const [came, given] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    held = { route, come: came.resolve, given: given.promise }
    return { came: came.promise, give: given.resolve }
  }
  return { vault, hold }
}

/** What a tab finds that starts now. */
async function kept(): Promise<{ says: number | null; seen: number | undefined }> {
  const starting = vaultOn(server)
  await starting.openKept()
  const account = await (await openDevice()).get('account', 'current')
  return { says: starting.read(z.number(), 'settings'), seen: account?.vaultVersion }
}

function newServer(): FakeServer {
  const made = new FakeServer()
  made.identities.set(userId, [person.identity])
  return made
}

async function signInAs(who: UserId): Promise<void> {
  const account = {
    userId: who,
    username: 'ada',
    deviceId: newDeviceId(),
    serverKey: 's',
    vaultVersion: 0,
    identity: null,
  }
  await (await openDevice()).put('account', account, 'current')
}

/** As a second device would: it has seen nothing of the first one's write. */
async function forgetVault(): Promise<void> {
  const db = await openDevice()
  await db.clear('vault')
  const account = await db.get('account', 'current')
  if (account) await db.put('account', { ...account, vaultVersion: 0 }, 'current')
}
