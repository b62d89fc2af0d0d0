import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { parseInviteFragment } from '../../shared/crypto/invite.ts'
import { newKey } from '../../shared/crypto/random.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import { codeOf, newPerson } from '../../shared/testing/people.ts'
import { createAccount, startSignIn } from '../../shared/wire/accounts.ts'
import type { Route } from '../../shared/wire/route.ts'
import { readVault } from '../../shared/wire/vault.ts'
import { Session } from '../app/session.ts'
import { prepareGroup } from '../groups/group-keys.ts'
import { Groups } from '../groups/groups.ts'
import { inviteByLink } from '../groups/invites.ts'
import { readInvite } from '../groups/join.ts'
import { AccountWorld, accountCrypto as crypto, NoTabs } from '../testing/account-world.ts'
import { identityOf } from '../testing/identity-of.ts'
import { emptyStorage } from '../testing/storage.ts'
import type { NewAccount } from './account.ts'
import { encodeItem, groupItem, groupItemName } from './items.ts'
import { Vault } from './vault.ts'

const ADA: NewAccount = { username: 'Ada', password: 'copper-lantern-orbit', circleName: null, invite: null }
const OTHER = 'granite-ribbon-comet'
let world: AccountWorld
let session: Session

const fail = (asked: Route, code: ErrorCode) => (route: Route) => {
  if (route === asked) throw new AppError(code)
}
const isAsked = ({ method, path }: Route) => world.asked.includes(`${method} ${path}`)

/** The next press: the page may have been loaded anew. */
async function tryAgain(wanted: NewAccount): Promise<void> {
  world.afterAnswer = () => undefined
  session = new Session(world.api, crypto)
  await session.signUp(wanted)
}

/** The account is there, and the person does not know. */
async function loseAnswer(wanted: NewAccount, code: ErrorCode = 'server/unreachable'): Promise<void> {
  world.afterAnswer = fail(createAccount, code)
  expect(await codeOf(() => session.signUp(wanted))).toBe(code)
  expect(session.state.value.kind).not.toBe('unlocked')
}

beforeEach(async () => {
  vi.stubGlobal('location', { reload: () => undefined, assign: () => undefined })
  vi.stubGlobal('BroadcastChannel', NoTabs)
  vi.stubGlobal('localStorage', emptyStorage())
  sessionStorage.clear()
  await eraseDevice()
  world = await AccountWorld.create()
  session = new Session(world.api, crypto)
})
// What goes on behind an open account would write into the next one.
afterEach(() => session.catchUp())

it.each(['account/name-taken', 'account/invite-needed', 'invite/used-up'] satisfies ErrorCode[])(
  'an account whose answer was lost is signed in to by the next try, where the server refuses another (%s)',
  async (refusal) => {
    await loseAnswer(ADA)
    const { userId } = world.account
    world.beforeAnswer = fail(createAccount, refusal)
    await tryAgain(ADA)
    expect(session.requireUnlocked().account).toMatchObject({ userId, username: 'ada' })
    // The words were never shown: they are now.
    expect(session.needsRecoveryConfirmed).toBe(true)
  },
)

it.each(['server/bad-answer', 'internal'] satisfies ErrorCode[])('%s is no answer either', async (code) => {
  await loseAnswer(ADA, code)
  await tryAgain(ADA)
  expect(session.requireUnlocked().account.userId).toBe(world.account.userId)
})

it('an account whose page ended before the answer is signed in to by the next one', async () => {
  const made = Promise.withResolvers<void>()
  world.afterAnswer = async (route) => {
    if ((route as unknown) !== createAccount) return
    made.resolve()
    await new Promise(() => undefined)
  }
  void session.signUp(ADA)
  await made.promise
  await tryAgain(ADA)
  expect(session.requireUnlocked().account.userId).toBe(world.account.userId)
})

it('an account whose vault did not come after the answer is signed in to by the next try', async () => {
  world.afterAnswer = fail(readVault, 'server/unreachable')
  expect(await codeOf(() => session.signUp(ADA))).toBe('server/unreachable')
  await tryAgain(ADA)
  expect(session.needsRecoveryConfirmed).toBe(true)
})

it('whoever came by an invite is in the circle after the next try', async () => {
  const ann = await newPerson('ann')
  const { userId, seed: identitySeed, identityKey, box: agreement } = ann
  const api = world.server.apiOf(userId)
  const accountKey = newKey()
  world.server.identities.set(userId, [ann.identity])
  await createKey('device')
  const vault = new Vault(api, crypto, { userId, accountKey })
  const secrets = { userId, accountKey, identitySeed, identityKey, agreement }
  const groups = new Groups({ api, crypto, vault, secrets, actor: () => ann.actor })
  const { groupId, group, item } = await prepareGroup(crypto, ann.actor, ann.identity, 'circle', Date.now())
  world.server.add(group)
  await vault.update(() => new Map([identityOf(ann), [groupItemName(groupId), encodeItem(groupItem, item)]]))
  await groups.show(groupId)
  const { url } = await inviteByLink(groups, groupId, { role: 'member', days: 7, maxUses: 1 }, 'https://kith.example')
  const invite = await readInvite(api, parseInviteFragment(new URL(url ?? '').hash.slice(1)))
  await eraseDevice()

  await loseAnswer({ ...ADA, invite })
  world.beforeAnswer = fail(createAccount, 'invite/used-up')
  await tryAgain({ ...ADA, invite })
  expect(session.requireUnlocked().groups.isMember(groupId)).toBe(true)
  await groups.show(groupId)
  expect([...groups.get(groupId).state.members.keys()]).toEqual([userId, world.account.userId])
})

it('goes on trying while the network is away', async () => {
  await loseAnswer(ADA)
  world.beforeAnswer = fail(startSignIn, 'server/unreachable')
  expect(await codeOf(() => tryAgain(ADA))).toBe('server/unreachable')
  world.beforeAnswer = () => undefined
  await tryAgain(ADA)
  expect(session.requireUnlocked().account.userId).toBe(world.account.userId)
})

it('with another password than at the first try is refused as the server does', async () => {
  await loseAnswer(ADA)
  expect(await codeOf(() => tryAgain({ ...ADA, password: OTHER }))).toBe('account/name-taken')
})

it('never signs in where the name was taken from the start, or another one was asked for', async () => {
  await new Session(world.api, crypto).signUp(ADA)
  world.beforeAnswer = fail(createAccount, 'server/unreachable')
  expect(await codeOf(() => session.signUp({ ...ADA, username: 'ben' }))).toBe('server/unreachable')
  world.beforeAnswer = () => undefined
  for (let times = 0; times < 2; times++) expect(await codeOf(() => session.signUp(ADA))).toBe('account/name-taken')
  expect(isAsked(startSignIn)).toBe(false)
})
