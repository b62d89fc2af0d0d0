import 'fake-indexeddb/auto'
import { beforeEach, expect, it } from 'vitest'
import { newDeviceId, newKey } from '../../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { utf8 } from '../../shared/format/bytes.ts'
import { codeOf, newPerson } from '../../shared/testing/people.ts'
import { FakeServer } from '../testing/fake-server.ts'
import { identityOf } from '../testing/identity-of.ts'
import type { Crypto } from '../workers/crypto.ts'
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
  const account = { userId, username: 'ada', deviceId: newDeviceId(), serverKey: 's', vaultVersion: 0, identity: null }
  await (await openDevice()).put('account', account, 'current')
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

function newServer(): FakeServer {
  const made = new FakeServer()
  made.identities.set(userId, [person.identity])
  return made
}

/** As a second device would: it has seen nothing of the first one's write. */
async function forgetVault(): Promise<void> {
  const db = await openDevice()
  await db.clear('vault')
  const account = await db.get('account', 'current')
  if (account) await db.put('account', { ...account, vaultVersion: 0 }, 'current')
}
