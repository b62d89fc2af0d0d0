import { newDeviceId } from '../../shared/crypto/random.ts'
import { type DeviceAccount, eraseCiphertext } from '../../shared/device/db.ts'
import { readKey } from '../../shared/device/device-key.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { UserId } from '../../shared/format/ids.ts'
import { readSession, signOut } from '../../shared/wire/accounts.ts'
import { keepUploadsKey } from '../upload/record.ts'
import { eraseSpool } from '../upload/spool-folder.ts'
import type { Opened, SignInDevice } from '../vault/account.ts'
import {
  changeDeviceAccount,
  destroyDevice,
  eraseAll,
  forgetAccountKey,
  forgetShareKey,
  keepAccountKey,
  keepsSomething,
  keepUnlock,
  openUnlock,
  readAccountKey,
  readDeviceAccount,
} from '../vault/device.ts'
import { encodeItem, identityItem, settingsItem } from '../vault/items.ts'
import { Vault } from '../vault/vault.ts'
import { keepVerified, trustVerified } from '../vault/verified-store.ts'
import type { Crypto } from '../workers/crypto.ts'
import { clearAnnounced } from './announced.ts'
import type { Api } from './api.ts'
import { noteUse, wasLeft } from './idle.ts'
import { isPassing, passAppError } from './passing.ts'
import { wasRemoved } from './removed.ts'
import { Signal } from './signal.ts'

const REMOVED = 'kith/removed'
/** For a server that may not be there: unlocking must not hang on it. */
const ASK_MS = 5000

/** Everything that exists only while unlocked. */
export type Unlocked = {
  readonly account: DeviceAccount
  readonly vault: Vault
  readonly identity: import('../vault/own-identity.ts').OwnIdentity
  readonly groups: import('../groups/groups.ts').Groups
}

export type SessionState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'locked'; readonly account: DeviceAccount }
  | {
      readonly kind: 'unlocked'
      readonly unlocked: Unlocked /** Whether the server takes our session. */
      readonly online: boolean
    }

/**
 * Who uses this device, and whether it is open (docs/protocol.md §8). Tabs agree through a channel: locking one locks all.
 */
export class Session {
  readonly state = new Signal<SessionState>({ kind: 'starting' })
  /** Whether it is open, and the server takes our session, as far as is known. */
  get isOnline(): boolean {
    return this.state.value.kind === 'unlocked' && this.state.value.online
  }

  /** A fault that the server showed while catching up: the account stays usable from what the device keeps. */
  readonly fault = new Signal<AppError | null>(null)
  /** The server ended our session: what the device keeps stays open, `renew` goes on. */
  readonly isExpired = new Signal(false)
  /** When the device last caught up with the server; `null`: not since it was opened. */
  readonly caughtUpAt = new Signal<number | null>(null)
  readonly #api: Api
  readonly #crypto: Crypto
  readonly #tabs = new BroadcastChannel('kith/session')
  #catchingUp: Promise<void> | undefined
  #isLeaving = false

  constructor(api: Api, crypto: Crypto) {
    this.#api = api
    this.#crypto = crypto
    api.onSignedOut = () => {
      this.isExpired.value = true
      this.#setOnline(false)
    }
    api.onRemoved = () => void this.forget()
    this.#tabs.onmessage = ({ data }) => {
      if (data === 'unlocked') void this.#openKept()
      else if (!this.#isLeaving) location.reload()
    }
  }

  /** Opens with what the device keeps, at once, unless Kith was left for too long; the server is asked afterwards. */
  async start(): Promise<void> {
    // Without a key it is locked already, and other tabs that are have no reason to start anew. One that the browser cannot
    // read goes, too: unlocking makes a new one.
    if ((await wasLeft()) && (await readKey('device').catch(() => true))) await this.#forgetKey()
    await this.#openKept()
  }

  async #openKept(): Promise<void> {
    const account = await readDeviceAccount()
    if (!account) {
      // Where the Service Worker heard that this device was signed out, with no page open, and perhaps was stopped meanwhile.
      void eraseSpool()
      void eraseCiphertext()
      this.state.value = { kind: 'signed-out' }
      return
    }
    const accountKey = await readAccountKey().catch(() => null)
    if (!accountKey) {
      this.state.value = { kind: 'locked', account }
      await this.askWhileLocked()
      return
    }
    await this.#open(account, accountKey)
  }

  /** A locked device hears nothing from the server: it asks whether another one has signed it out. */
  async askWhileLocked(): Promise<void> {
    if (this.state.value.kind !== 'locked' || !(await keepsSomething())) return
    if (await wasRemoved(this.#api)) await this.forget()
  }

  /** @throws {AppError} what `signUpOnce` throws. */
  async signUp(wanted: import('../vault/account.ts').NewAccount): Promise<void> {
    const { forgetSignUp, signUpOnce } = await import('../vault/sign-up-once.ts')
    const opened = await signUpOnce({ api: this.#api, crypto: this.#crypto }, wanted, await this.#device())
    const { invite, password } = wanted
    await this.#adopt(opened, password, async (unlocked) => {
      forgetSignUp()
      if (invite) await joinWith(unlocked, invite)
    })
  }

  /** A new session for the account that is open here. @throws {AppError} what `signIn` throws. */
  async renew(password: string): Promise<void> {
    const { account, groups } = this.requireUnlocked()
    const { signIn } = await import('../vault/account.ts')
    const ports = { api: this.#api, crypto: this.#crypto }
    const { username } = account
    const { session, accountKey } = await signIn(ports, { username, password }, await this.#device())
    if (session.userId !== account.userId) throw new AppError('identity/changed', 'an account of the same name')
    // Kept for the password, any other key would open nothing that lies here.
    if (!equalBytes(accountKey, groups.context.secrets.accountKey)) {
      throw new AppError('vault/tampered', 'the server shows another account key than the one that is open')
    }
    await keepUnlock(this.#crypto, account.userId, password, accountKey)
    await this.catchUp()
  }

  /**
   * Another password, and another or no destruction password; every other device is signed out.
   * @param wanted `password` null: the one that is.
   * @throws {AppError} `auth/failed`: not the current password; `account/unanswered`: it may have been changed.
   */
  async setPasswords(
    current: string,
    wanted: { readonly password: string | null; readonly destruction: string | null },
  ): Promise<void> {
    // Proves who asks, and makes the session fresh.
    await this.renew(current)
    const { account, identity, groups } = this.requireUnlocked()
    const { replacePasswords } = await import('../vault/account.ts')
    const { secrets } = groups.context
    const passwords = { password: wanted.password ?? current, destruction: wanted.destruction }
    const ports = { api: this.#api, crypto: this.#crypto }
    await replacePasswords(ports, account.username, secrets, await identity.learn(), passwords)
    await keepUnlock(this.#crypto, account.userId, passwords.password, secrets.accountKey)
    // It is done: what goes wrong from here on is found, and shown, by the next catching up.
    await identity.learn().catch(passAppError)
  }

  /** @throws {AppError} what `signIn` throws. */
  async signIn(username: string, password: string): Promise<void> {
    const { signIn } = await import('../vault/account.ts')
    const ports = { api: this.#api, crypto: this.#crypto }
    const opened = await signIn(ports, { username, password }, await this.#device())
    await this.#adopt(opened, password)
  }

  /** @throws {AppError} `recovery/failed`, … */
  async recover(username: string, words: string, newPassword: string): Promise<void> {
    const { recover } = await import('../vault/account.ts')
    const wanted = { username, words, newPassword }
    const opened = await recover(
      { api: this.#api, crypto: this.#crypto },
      wanted,
      await this.#device(),
      async (session, accountKey) => {
        const vault = new Vault(this.#api, this.#crypto, { userId: session.userId, accountKey })
        await vault.openServed()
        const item = vault.read(identityItem, 'identity')
        if (!item) throw new AppError('vault/tampered', 'the vault has no identity')
        const { secretsFrom } = await import('../vault/secrets.ts')
        return secretsFrom(this.#crypto, session.userId, accountKey, item)
      },
    )
    await this.#adopt(opened, newPassword)
  }

  /** Joins the circle of an invite, as the account that is unlocked. */
  async join(invite: import('../groups/join.ts').OpenedInvite): Promise<void> {
    await joinWith(this.requireUnlocked(), invite)
  }

  /** Works without network. @throws {AppError} `auth/failed`, `auth/rate-limited`, `auth/removed`, `key/unavailable` */
  async unlock(password: string): Promise<void> {
    const state = this.state.value
    if (state.kind !== 'locked') return
    const { account } = state
    const accountKey = await openUnlock(this.#crypto, account.userId, password).catch((refusal: unknown) => {
      if (!isAppError(refusal, 'auth/failed') || navigator.onLine === false) throw refusal
      return this.#openByServer(account, password, refusal)
    })
    await this.#enter(account, accountKey)
    // The password is at hand: whoever unlocks is not asked for it twice. A refusal is shown as an ended session.
    if (this.isExpired.value) await this.renew(password).catch(passAppError)
  }

  /**
   * A password that this device does not know may have been set on another one, or be the one that destroys. Whatever
   * else comes of asking looks like a wrong password; that the server counts tries is said for every password alike,
   * so that nobody takes a destruction for done.
   */
  async #openByServer({ userId, username }: DeviceAccount, password: string, refusal: AppError): Promise<Bytes> {
    try {
      const { signIn } = await import('../vault/account.ts')
      const ports = { api: this.#api, crypto: this.#crypto }
      const device = { ...(await this.#device()), patienceMs: ASK_MS }
      const { session, accountKey } = await signIn(ports, { username, password }, device)
      if (session.userId !== userId) throw refusal
      // The account key that everything here is sealed under, or none.
      await new Vault(this.#api, this.#crypto, { userId, accountKey }).openKept()
      await keepUnlock(this.#crypto, userId, password, accountKey)
      return accountKey
    } catch (error) {
      const isLate = error instanceof DOMException && error.name === 'TimeoutError'
      if (!isLate && !isAppError(error)) throw error
      throw isAppError(error, 'auth/rate-limited') ? error : refusal
    }
  }

  /** Works without network. @throws {AppError} `auth/removed`, `passkey/…`, `key/unavailable` */
  async unlockByPasskey(): Promise<void> {
    const state = this.state.value
    if (state.kind !== 'locked') return
    const { openByPasskey } = await import('../vault/passkey.ts')
    await this.#enter(state.account, await openByPasskey(this.#crypto, await this.#passkeyOwner()))
  }

  /** A second way to unlock this device. @param password of the account: nobody else adds a way in. @throws {AppError} `auth/failed`, `passkey/…` */
  async addPasskey(password: string): Promise<void> {
    const { userId } = this.requireUnlocked().account
    const accountKey = await openUnlock(this.#crypto, userId, password)
    const { makePasskey } = await import('../vault/passkey.ts')
    await makePasskey(this.#crypto, await this.#passkeyOwner(), accountKey)
  }

  async #passkeyOwner(): Promise<{ userId: UserId; identityKey: Bytes }> {
    const account = await readDeviceAccount()
    if (!account?.identity) throw new AppError('key/unavailable', 'sign in anew on this device')
    return { userId: account.userId, identityKey: account.identity.identityKey }
  }

  async #device(): Promise<SignInDevice> {
    const known = await readDeviceAccount()
    return { deviceId: known?.deviceId ?? newDeviceId(), known, destroy: () => this.#destroy() }
  }

  /** Nothing that is locked changes its looks; what is open closes. */
  async #destroy(): Promise<void> {
    const state = this.state.value
    if (state.kind !== 'locked') return this.forget()
    await destroyDevice(state.account)
    navigator.serviceWorker?.controller?.postMessage({ type: 'forget' })
  }

  async #enter(account: DeviceAccount, accountKey: Bytes): Promise<void> {
    // What another device has ended is not opened once more, not even with the right password.
    if (await wasRemoved(this.#api)) {
      await this.forget()
      throw new AppError('auth/removed', 'signed out from another device')
    }
    noteUse()
    await keepAccountKey(accountKey)
    await this.#open(account, accountKey)
    this.#tabs.postMessage('unlocked')
    await this.catchUp()
  }

  /** Every tab forgets its keys; what lies on the device does not open until somebody unlocks it. */
  async lock(): Promise<void> {
    // Signing out revokes the session, and the server says so to this page too.
    if (this.#isLeaving) return
    await this.#forgetKey()
    // A reload leaves nothing of the keys in this tab's memory either.
    location.reload()
  }

  async #forgetKey(): Promise<void> {
    await forgetAccountKey()
    navigator.serviceWorker?.controller?.postMessage({ type: 'forget' })
    this.#tabs.postMessage('locked')
    await clearAnnounced()
  }

  /** Ends the session at the server, where it can be reached, and forgets everything on this device. */
  async signOut(): Promise<void> {
    this.#isLeaving = true
    await this.#api.call(signOut).catch((error: unknown) => {
      if (!isAppError(error)) throw error
    })
    await forgetAccountKey()
    await eraseAll()
    navigator.serviceWorker?.controller?.postMessage({ type: 'forget' })
    this.#tabs.postMessage('signed-out')
    await clearAnnounced()
    // By themselves: nobody is told of another device.
    this.takeRemoved()
    location.assign('/')
  }

  /** The server says that a session is over. Of this browser, unless it has begun another one since. */
  async revoked(isRemoved: boolean): Promise<void> {
    const state = this.state.value
    if (state.kind === 'unlocked') {
      const session = await this.#api.call(readSession).catch(() => null)
      if (session?.userId === state.unlocked.account.userId) return
    }
    await (isRemoved ? this.forget() : this.lock())
  }

  /** Another device signed this one out: nothing that is kept here may be opened again. */
  async forget(): Promise<void> {
    if (this.#isLeaving) return
    this.#isLeaving = true
    await forgetAccountKey()
    await eraseAll()
    navigator.serviceWorker?.controller?.postMessage({ type: 'forget' })
    this.#tabs.postMessage('signed-out')
    await clearAnnounced()
    sessionStorage.setItem(REMOVED, '1')
    location.assign('/')
  }

  /** Where somebody has cleared what the browser keeps, this page has keys that nothing fits any more: loaded anew, it is a new device. */
  async lookWhetherWiped(): Promise<void> {
    const isOpen = () => this.state.value.kind === 'unlocked' && !this.#isLeaving
    if (!isOpen()) return
    // A database that does not answer says nothing of what is in it.
    const isThere = await readDeviceAccount().catch(() => true)
    if (!isThere && isOpen()) location.reload()
  }

  /** Said once, where the person signs in again. */
  takeRemoved(): boolean {
    const wasRemoved = sessionStorage.getItem(REMOVED) !== null
    sessionStorage.removeItem(REMOVED)
    return wasRemoved
  }

  requireUnlocked(): Unlocked {
    const state = this.state.value
    if (state.kind !== 'unlocked') throw new AppError('vault/locked', 'unlock first')
    return state.unlocked
  }

  /** The recovery key, until the person has said that it is written down. */
  get unconfirmedRecovery(): Bytes | null {
    const { vault } = this.requireUnlocked()
    return vault.read(settingsItem, 'settings')?.unconfirmedRecovery ?? null
  }

  get needsRecoveryConfirmed(): boolean {
    return this.state.value.kind === 'unlocked' && this.unconfirmedRecovery !== null
  }

  /** From now on the recovery key exists on paper alone. */
  async confirmRecovery(): Promise<void> {
    const state = this.state.value
    const { vault } = this.requireUnlocked()
    await vault.update((now) => {
      const settings = now.read(settingsItem, 'settings')
      if (!settings) return new Map()
      return new Map([['settings', encodeItem(settingsItem, { ...settings, unconfirmedRecovery: null })]])
    })
    // The same state anew, so that the screens look again.
    if (state.kind === 'unlocked') this.state.value = { ...state }
  }

  /** Fetches identity, vault and groups anew; faults are kept for the screen, never hidden. */
  catchUp(): Promise<void> {
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined
    })
    return this.#catchingUp
  }

  async #catchUp(): Promise<void> {
    const state = this.state.value
    if (state.kind !== 'unlocked') return
    const { account, identity, vault, groups } = state.unlocked
    try {
      const session = await this.#api.call(readSession)
      if (session.userId !== account.userId) throw new AppError('auth/required', 'somebody else is signed in')
      this.isExpired.value = false
      await identity.learn()
      await vault.openServed()
      await groups.refresh()
      this.#setOnline(true)
      this.fault.value = null
      this.caughtUpAt.value = performance.now()
      await keepVerified()
    } catch (error) {
      if (!isAppError(error)) throw error
      if (error.code === 'auth/required') this.isExpired.value = true
      this.#setOnline(false)
      if (!isPassing(error)) this.fault.value = error
    }
  }

  async #adopt(
    { session, accountKey, serverKey, identity }: Opened,
    password: string,
    first?: (unlocked: Unlocked) => Promise<void>,
  ): Promise<void> {
    const { userId, username, deviceId } = session
    const known = await readDeviceAccount()
    if (known && known.userId !== userId) await eraseAll()
    // One that came late, of whoever was here before.
    if (!known) await forgetShareKey()
    const account = await changeDeviceAccount((now): DeviceAccount => {
      const vaultVersion = now?.userId === userId ? now.vaultVersion : 0
      return { userId, username, deviceId, serverKey, vaultVersion, identity }
    })
    const vault = new Vault(this.#api, this.#crypto, { userId, accountKey })
    await vault.openServed()
    const settings = vault.read(settingsItem, 'settings')
    if (settings?.serverKey !== serverKey) {
      throw new AppError('auth/server-changed', 'the vault knows another server')
    }
    noteUse()
    await keepAccountKey(accountKey)
    await keepUnlock(this.#crypto, userId, password, accountKey)
    await this.#open(account, accountKey, first)
  }

  /** @param first done before the screens change; what it throws is thrown once they have. */
  async #open(
    account: DeviceAccount,
    accountKey: Bytes,
    first: (unlocked: Unlocked) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const api = this.#api
    const crypto = this.#crypto
    const vault = new Vault(api, crypto, { userId: account.userId, accountKey })
    const trusted = trustVerified()
    await vault.openKept().catch((fault: unknown) => openInstead(vault, fault))
    const item = vault.read(identityItem, 'identity')
    if (!item) throw new AppError('vault/tampered', 'the vault has no identity')
    const [{ Groups }, { OwnIdentity }, { secretsFrom }] = await Promise.all([
      import('../groups/groups.ts'),
      import('../vault/own-identity.ts'),
      import('../vault/secrets.ts'),
      trusted,
    ])
    const secrets = await secretsFrom(crypto, account.userId, accountKey, item)
    const identity = new OwnIdentity(api, secrets, account)
    const groups = new Groups({ api, crypto, vault, secrets, actor: () => identity.actor })
    await groups.openKept()
    await keepUploadsKey(accountKey)
    const unlocked: Unlocked = { account, vault, identity, groups }
    try {
      await first(unlocked)
    } finally {
      this.state.value = { kind: 'unlocked', unlocked, online: navigator.onLine }
      // Nobody waits for the server, nor for what other apps may share some day, to use what the device keeps.
      void this.catchUp()
      void import('../share/share-key.ts').then(({ keepShareKey }) => keepShareKey(accountKey))
    }
  }

  #setOnline(online: boolean): void {
    const state = this.state.value
    if (state.kind === 'unlocked' && state.online !== online) this.state.value = { ...state, online }
  }
}

/** For a copy on this device that does not fit together: the server has the vault whole. @throws `fault` where it cannot be asked */
async function openInstead(vault: Vault, fault: unknown): Promise<void> {
  if (!isAppError(fault, 'vault/tampered')) throw fault
  await vault.openServed().catch((error: unknown) => {
    throw isPassing(error) ? fault : error
  })
}

async function joinWith(
  { groups, identity }: Unlocked,
  invite: import('../groups/join.ts').OpenedInvite,
): Promise<void> {
  const { join } = await import('../groups/join.ts')
  await join(groups, invite, await identity.learn())
}
