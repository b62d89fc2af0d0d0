import type * as z from 'zod/mini'
import type { VaultIndexBody, VaultKeys } from '../../shared/crypto/vault.ts'
import { openDevice } from '../../shared/device/db.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import { readVault, type VaultItem, type VaultWrite, writeVault } from '../../shared/wire/vault.ts'
import type { Api } from '../app/api.ts'
import type { Crypto } from '../workers/crypto.ts'
import { decodeItem, identityItem } from './items.ts'
import type { SealedVault, VaultChanges } from './sealing.ts'
import { type Lock, turnsOfTabs } from './turns-of-tabs.ts'

const CONFLICT_TRIES = 5
const INDEX = 'index'

/** The opened vault of the person who is signed in (docs/protocol.md §3). */
export class Vault {
  readonly #api: Api
  readonly #crypto: Crypto
  readonly #keys: VaultKeys
  readonly #lock: Lock
  #index: VaultIndexBody | null = null
  #items = new Map<string, Bytes>()

  constructor(api: Api, crypto: Crypto, keys: VaultKeys, lock = turnsOfTabs()) {
    this.#api = api
    this.#crypto = crypto
    this.#keys = keys
    this.#lock = lock
  }

  /** From what the device keeps: works without network. @throws {AppError} `vault/tampered`, `key/unavailable` (nothing kept) */
  async openKept(): Promise<void> {
    const { index, items, seen } = await this.#readKept()
    if (!index) throw new AppError('key/unavailable', 'no copy of the vault on this device')
    await this.#open({ index, items }, seen)
  }

  /** From the server; an older one than this device has seen is refused. @throws {AppError} `vault/tampered`, `vault/rollback`, … */
  openServed(): Promise<void> {
    return this.#lock(() => this.#openServed())
  }

  async #openServed(): Promise<void> {
    // Read before the server is asked: what is seen while its answer is on its way makes that answer no rollback.
    const { index: kept, seen } = await this.#readKept()
    const { index, items } = await this.#api.call(readVault)
    if (!index) throw new AppError('vault/rollback', 'the server shows no vault')
    // One version is one vault: the server took two writes for it, and shows each device another.
    if (kept?.version === index.version && !equalBytes(kept.sealed, index.sealed))
      throw new AppError('vault/rollback', 'the server shows another vault of the same version')
    await this.#open({ index, items }, seen)
    await this.#keep(index, {
      fits: (newest) => index.version >= newest,
      put: items,
      remove: 'all',
    })
  }

  /** `null`: there is no such item. @throws {AppError} `vault/tampered` */
  read<T extends z.ZodMiniType>(schema: T, name: string): z.output<T> | null {
    const plain = this.#items.get(name)
    return plain ? decodeItem(schema, plain) : null
  }

  names(): string[] {
    return [...this.#items.keys()]
  }

  /**
   * Changes items by what they are at that moment; tried again when another device was faster. One at a time, in all tabs.
   * @param change gets the vault as it stands; an empty map changes nothing. It must not wait for another turn of the vault.
   */
  update(change: (vault: Vault) => VaultChanges | Promise<VaultChanges>): Promise<void> {
    return this.#lock(() => this.#update(change))
  }

  async #update(change: (vault: Vault) => VaultChanges | Promise<VaultChanges>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const changes = await change(this)
      if (changes.size === 0) return
      const keys = { ...this.#keys, identitySeed: this.#identitySeed(changes) }
      const { write, index } = await this.#crypto.sealVaultWrite(keys, this.#index, changes)
      try {
        await this.#api.call(writeVault, { body: write })
        return this.#take(write, index, changes)
      } catch (error) {
        if (!isAppError(error, 'vault/conflict') || attempt === CONFLICT_TRIES) throw error
        await this.#openServed()
      }
    }
  }

  /** The vault itself has what signs its changes; the first of all brings it. */
  #identitySeed(changes: VaultChanges): Bytes {
    const plain = this.#items.get('identity') ?? changes.get('identity')
    if (!plain) throw new AppError('vault/tampered', 'the vault has no identity')
    return decodeItem(identityItem, plain).seed
  }

  /** A write that the server took, resp. the first one, which goes with the new account. */
  async #take(write: VaultWrite, index: VaultIndexBody, changes: VaultChanges): Promise<void> {
    this.#index = index
    for (const [name, plain] of changes) plain ? this.#items.set(name, plain) : this.#items.delete(name)
    await this.#keep(write.index, {
      // Beside other items than those it was made from, the new ones would be a vault that never was.
      fits: (newest) => write.ifIndexVersion === newest,
      put: write.put,
      remove: write.remove,
    })
  }

  async #open(vault: SealedVault, seen: number): Promise<void> {
    const known = Math.max(this.#index?.version ?? 0, seen)
    const opened = await this.#crypto.openVault(this.#keys, vault, known)
    this.#index = opened.index
    this.#items = new Map(opened.items)
  }

  /** What the device has of this account, as it was at one moment: another tab changes all of it at once. */
  async #readKept(): Promise<{ index: VaultItem | undefined; items: VaultItem[]; seen: number }> {
    const transaction = (await openDevice()).transaction(['vault', 'account'])
    const account = await transaction.objectStore('account').get('current')
    if (account?.userId !== this.#keys.userId) return { index: undefined, items: [], seen: 0 }
    const rows = await transaction.objectStore('vault').getAll()
    const index = rows.find(({ name }) => name === INDEX)
    return { index, items: rows.filter((row) => row !== index), seen: account.vaultVersion }
  }

  /**
   * Index, items and the version that was seen, in one transaction: whatever another tab does, they belong together and never go
   * back. Nothing is kept on a device that is not this account's, or not any more.
   */
  async #keep(index: SealedVault['index'], { fits, put, remove }: Keeping): Promise<void> {
    const transaction = (await openDevice()).transaction(['vault', 'account'], 'readwrite')
    const store = transaction.objectStore('vault')
    const accounts = transaction.objectStore('account')
    const kept = await store.get(INDEX)
    const account = await accounts.get('current')
    if (account?.userId === this.#keys.userId && fits(Math.max(kept?.version ?? 0, account.vaultVersion))) {
      if (remove === 'all') void store.clear()
      else for (const name of remove) void store.delete(name)
      for (const item of put) void store.put(item, item.name)
      void store.put({ name: INDEX, ...index }, INDEX)
      void accounts.put({ ...account, vaultVersion: index.version }, 'current')
    }
    await transaction.done
  }
}

type Keeping = {
  /** Whether it may follow the newest version that was seen on this device. */
  readonly fits: (newest: number) => boolean
  readonly put: readonly VaultItem[]
  readonly remove: readonly string[] | 'all'
}
