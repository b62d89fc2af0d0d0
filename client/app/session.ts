import { newDeviceId } from '../../shared/crypto/random.ts'
import { type DeviceAccount, eraseDevice } from '../../shared/device/db.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { readSession, type Session as ServerSession, signOut } from '../../shared/wire/accounts.ts'
import type { GroupsContext } from '../groups/groups.ts'
import { keepUploadsKey } from '../upload/record.ts'
import type { Opened } from '../vault/account.ts'
import {
  forgetAccountKey,
  keepAccountKey,
  keepUnlock,
  openUnlock,
  readAccountKey,
  readDeviceAccount,
  writeDeviceAccount,
} from '../vault/device.ts'
import { encodeItem, identityItem, settingsItem } from '../vault/items.ts'
import { secretsFrom } from '../vault/secrets.ts'
import { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Api } from './api.ts'
import { Signal } from './signal.ts'

/** Everything that exists only while unlocked. */
export type Unlocked = {
  readonly account: DeviceAccount
  readonly vault: Vault
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
  /** A fault that the server showed while catching up: the account stays usable from what the device keeps. */
  readonly fault = new Signal<AppError | null>(null)
  readonly #api: Api
  readonly #crypto: Crypto
  readonly #tabs = new BroadcastChannel('kith/session')

  constructor(api: Api, crypto: Crypto) {
    this.#api = api
    this.#crypto = crypto
    api.onSignedOut = () => this.#offline()
    this.#tabs.onmessage = ({ data }) => void (data === 'unlocked' ? this.start() : location.reload())
  }

  /** Opens with what the device keeps, at once; the server is asked afterwards. */
  async start(): Promise<void> {
    const account = await readDeviceAccount()
    if (!account) {
      this.state.value = { kind: 'signed-out' }
      return
    }
    const accountKey = await readAccountKey().catch(() => null)
    if (!accountKey) {
      this.state.value = { kind: 'locked', account }
      return
    }
    await this.#open(account, accountKey)
  }

  /** @throws {AppError} what `signUp` throws. */
  async signUp(wanted: import('../vault/account.ts').NewAccount): Promise<void> {
    const { signUp } = await import('../vault/account.ts')
    const opened = await signUp({ api: this.#api, crypto: this.#crypto }, wanted, Date.now())
    await this.#adopt(opened, wanted.password, opened.secrets.accountKey)
    if (wanted.invite) await this.join(wanted.invite, opened.identity)
  }

  /** @throws {AppError} what `signIn` throws. */
  async signIn(username: string, password: string): Promise<void> {
    const { signIn } = await import('../vault/account.ts')
    const known = await readDeviceAccount()
    const device = { deviceId: known?.deviceId ?? newDeviceId(), pinnedServerKey: known?.serverKey ?? null }
    const opened = await signIn({ api: this.#api, crypto: this.#crypto }, { username, password }, device)
    await this.#adopt(opened, password, opened.accountKey)
  }

  /** @throws {AppError} `recovery/failed`, … */
  async recover(username: string, words: string, newPassword: string): Promise<void> {
    const { recover } = await import('../vault/account.ts')
    const known = await readDeviceAccount()
    const wanted = { username, words, newPassword }
    const opened = await recover(
      { api: this.#api, crypto: this.#crypto },
      wanted,
      known?.deviceId ?? newDeviceId(),
      async (session, accountKey) => {
        const vault = new Vault(this.#api, this.#crypto, { userId: session.userId, accountKey })
        await vault.openServed()
        const item = vault.read(identityItem, 'identity')
        if (!item) throw new AppError('vault/tampered', 'the vault has no identity')
        return secretsFrom(this.#crypto, session.userId, accountKey, item)
      },
    )
    await this.#adopt({ ...opened, isRecovered: true }, newPassword, opened.accountKey)
  }

  /** Joins the circle of an invite, as the account that is unlocked. */
  async join(invite: import('../groups/invites.ts').OpenedInvite, identity?: SignedEntry): Promise<void> {
    const { groups, account } = this.requireUnlocked()
    const { join } = await import('../groups/invites.ts')
    const { readOwnIdentity } = await import('../vault/account.ts')
    await join(groups, invite, identity ?? (await readOwnIdentity(this.#api, account.userId)), account.userId)
  }

  /** Works without network. @throws {AppError} `auth/failed`, `key/unavailable` */
  async unlock(password: string): Promise<void> {
    const state = this.state.value
    if (state.kind !== 'locked') return
    const accountKey = await openUnlock(this.#crypto, state.account.userId, password)
    await keepAccountKey(accountKey)
    await this.#open(state.account, accountKey)
    this.#tabs.postMessage('unlocked')
  }

  /** Every tab forgets its keys; what lies on the device does not open until somebody unlocks it. */
  async lock(): Promise<void> {
    await forgetAccountKey()
    navigator.serviceWorker?.controller?.postMessage({ type: 'forget' })
    this.#tabs.postMessage('locked')
    // A reload leaves nothing of the keys in this tab's memory either.
    location.reload()
  }

  /** Ends the session at the server, where it can be reached, and forgets everything on this device. */
  async signOut(): Promise<void> {
    await this.#api.call(signOut).catch((error: unknown) => {
      if (!isAppError(error)) throw error
    })
    await forgetAccountKey()
    await eraseDevice()
    navigator.serviceWorker?.controller?.postMessage({ type: 'forget' })
    this.#tabs.postMessage('signed-out')
    location.assign('/')
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

  /** Fetches vault and groups anew; faults are kept for the screen, never hidden. */
  async catchUp(): Promise<void> {
    const state = this.state.value
    if (state.kind !== 'unlocked') return
    try {
      await this.#api.call(readSession)
      await state.unlocked.vault.openServed()
      await state.unlocked.groups.refresh()
      this.state.value = { ...state, online: true }
      this.fault.value = null
    } catch (error) {
      if (!isAppError(error)) throw error
      this.state.value = { ...state, online: false }
      if (!error.code.startsWith('server/un') && !error.code.startsWith('auth/')) this.fault.value = error
    }
  }

  async #adopt(
    opened: { session: ServerSession; serverKey: string; isRecovered?: boolean } & Partial<Opened>,
    password: string,
    accountKey: Bytes,
  ): Promise<void> {
    const { userId, username, deviceId } = opened.session
    const known = await readDeviceAccount()
    if (known && known.userId !== userId) await eraseDevice()
    const vaultVersion = known?.userId === userId ? known.vaultVersion : 0
    const account: DeviceAccount = { userId, username, deviceId, serverKey: opened.serverKey, vaultVersion }
    const vault = new Vault(this.#api, this.#crypto, { userId, accountKey })
    await writeDeviceAccount(account)
    await vault.openServed()
    const settings = vault.read(settingsItem, 'settings')
    if (settings && settings.serverKey !== opened.serverKey) {
      throw new AppError('auth/server-changed', 'the vault knows another server')
    }
    await keepAccountKey(accountKey)
    await keepUnlock(this.#crypto, userId, password, accountKey)
    await this.#open(account, accountKey)
  }

  async #open(account: DeviceAccount, accountKey: Bytes): Promise<void> {
    const api = this.#api
    const crypto = this.#crypto
    const vault = new Vault(api, crypto, { userId: account.userId, accountKey })
    await vault.openKept()
    const item = vault.read(identityItem, 'identity')
    if (!item) throw new AppError('vault/tampered', 'the vault has no identity')
    const secrets = await secretsFrom(crypto, account.userId, accountKey, item)
    const { Groups } = await import('../groups/groups.ts')
    const actor = { id: account.userId, seed: secrets.identitySeed, head: new Uint8Array(32) }
    const context: GroupsContext = { api, crypto, vault, secrets, actor: () => actor }
    const groups = new Groups(context)
    await groups.openKept()
    await keepUploadsKey(accountKey)
    this.state.value = { kind: 'unlocked', unlocked: { account, vault, groups }, online: navigator.onLine }
    await this.#checkIdentity(context, (head) => {
      actor.head = head
    })
    await this.catchUp()
  }

  async #checkIdentity(
    { api, secrets }: GroupsContext,
    learned: (head: Uint8Array<ArrayBuffer>) => void,
  ): Promise<void> {
    try {
      const { checkOwnIdentity, readOwnIdentity } = await import('../vault/account.ts')
      const { hashEntry } = await import('../../shared/logs/signed.ts')
      const identity = await readOwnIdentity(api, secrets.userId)
      checkOwnIdentity(secrets, identity)
      learned(hashEntry(identity))
    } catch (error) {
      if (!isAppError(error)) throw error
      if (!error.code.startsWith('server/un') && !error.code.startsWith('auth/')) this.fault.value = error
    }
  }

  #offline(): void {
    const state = this.state.value
    if (state.kind === 'unlocked' && state.online) this.state.value = { ...state, online: false }
  }
}
