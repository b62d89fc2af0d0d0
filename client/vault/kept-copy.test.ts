import 'fake-indexeddb/auto'
import { beforeEach, expect, it, vi } from 'vitest'
import { randomBytes } from '../../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { AppError } from '../../shared/errors.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { Session } from '../app/session.ts'
import { AccountWorld, accountCrypto as crypto, NoTabs } from '../testing/account-world.ts'
import { emptyStorage } from '../testing/storage.ts'
import { Vault } from './vault.ts'

let world: AccountWorld
let session: Session
const vault = () => world.server.vaults.get(world.account.userId)
const start = async () => {
  const started = new Session(world.api, crypto)
  await started.start()
  return started.state.value.kind
}

/** A device whose copy of the vault is of two versions, as tabs of an older Kith could leave it. */
beforeEach(async () => {
  vi.stubGlobal('BroadcastChannel', NoTabs)
  vi.stubGlobal('localStorage', emptyStorage())
  await eraseDevice()
  world = await AccountWorld.create()
  session = new Session(world.api, crypto)
  await session.signUp({ username: 'ada', password: 'copper-lantern-orbit', circleName: null, invite: null })
  await session.catchUp()
  const db = await openDevice()
  const old = await db.get('vault', 'settings')
  await session.confirmRecovery()
  if (old) await db.put('vault', old, 'settings')
})

it('a copy of the vault that does not fit together is fetched anew, and opens without network from then on', async () => {
  expect(await start()).toBe('unlocked')
  const { userId } = world.account
  const { accountKey } = session.requireUnlocked().groups.context.secrets
  const kept = new Vault(world.api, crypto, { userId, accountKey })
  await kept.openKept()
  expect(kept.names()).toContain('settings')
})

it('without network it is what it is, and heals at the next start with it', async () => {
  world.beforeAnswer = () => {
    throw new AppError('server/unreachable')
  }
  expect(await codeOf(start)).toBe('vault/tampered')
  world.beforeAnswer = () => undefined
  expect(await start()).toBe('unlocked')
})

it('a server that has changed the vault itself: refused, and nothing of it is kept', async () => {
  const stored = vault()
  const settings = stored?.items.get('settings')
  if (settings) stored?.items.set('settings', { ...settings, sealed: randomBytes(settings.sealed.length) })
  const before = await (await openDevice()).getAll('vault')
  expect(await codeOf(start)).toBe('vault/tampered')
  expect(await (await openDevice()).getAll('vault')).toEqual(before)
})

it('a server that shows an older vault to a device that asks for it anew: refused', async () => {
  const old = structuredClone(vault())
  const { groups } = session.requireUnlocked()
  await groups.context.vault.update(() => new Map([['blocks/AAAAAAAAAAAAAAAAAAAAAA', randomBytes(8)]]))
  if (old) world.server.vaults.set(world.account.userId, old)
  expect(await codeOf(start)).toBe('vault/rollback')
})
