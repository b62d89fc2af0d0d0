import type * as z from 'zod/mini'
import type { VaultIndexBody, VaultKeys } from '../../shared/crypto/vault.ts'
import { openDevice } from '../../shared/device/db.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import { readVault, type VaultWrite, writeVault } from '../../shared/wire/vault.ts'
import type { Api } from '../app/api.ts'
import type { Crypto } from '../workers/crypto.ts'
import { decodeItem, identityItem } from './items.ts'
import type { SealedVault, VaultChanges } from './sealing.ts'

const CONFLICT_TRIES = 5
const INDEX = 'index'

/** The opened vault of the person who is signed in (docs/protocol.md §3). */
export class Vault {
  readonly #api: Api
  readonly #crypto: Crypto
  readonly #keys: VaultKeys
  #index: VaultIndexBody | null = null
  #items = new Map<string, Bytes>()
  #queue: Promise<unknown> = Promise.resolve()

  constructor(api: Api, crypto: Crypto, keys: VaultKeys) {
    this.#api = api
    this.#crypto = crypto
    this.#keys = keys
  }

  /** From what the device keeps: works without network. @throws {AppError} `vault/tampered`, `key/unavailable` (nothing kept) */
  async openKept(): Promise<void> {
    const rows = await (await openDevice()).getAll('vault')
    const index = rows.find(({ name }) => name === INDEX)
    if (!index) throw new AppError('key/unavailable', 'no copy of the vault on this device')
    await this.#open({ index, items: rows.filter(({ name }) => name !== INDEX) })
  }

  /** From the server; an older one than this device has seen is refused. @throws {AppError} `vault/tampered`, `vault/rollback`, … */
  openServed(): Promise<void> {
    return this.#inTurn(() => this.#openServed())
  }

  async #openServed(): Promise<void> {
    const { index, items } = await this.#api.call(readVault)
    if (!index) throw new AppError('vault/rollback', 'the server shows no vault')
    const db = await openDevice()
    const isOwn = (await db.get('account', 'current'))?.userId === this.#keys.userId
    const kept = isOwn ? await db.get('vault', INDEX) : undefined
    // One version is one vault: the server took two writes for it, and shows each device another.
    if (kept?.version === index.version && !equalBytes(kept.sealed, index.sealed))
      throw new AppError('vault/rollback', 'the server shows another vault of the same version')
    await this.#open({ index, items })
    await this.#keep({ index, items })
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
   * Changes items by what they are at that moment; tried again when another device was faster. One at a time.
   * @param change gets the vault as it stands; an empty map changes nothing.
   */
  update(change: (vault: Vault) => VaultChanges | Promise<VaultChanges>): Promise<void> {
    return this.#inTurn(() => this.#update(change))
  }

  /** An answer that was on its way while a newer index was written must not look like a rollback. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(task)
    this.#queue = done.catch(() => undefined)
    return done
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
    const db = await openDevice()
    const transaction = db.transaction(['vault', 'account'], 'readwrite')
    const store = transaction.objectStore('vault')
    for (const item of write.put) void store.put(item, item.name)
    for (const name of write.remove) void store.delete(name)
    void store.put({ name: INDEX, ...write.index }, INDEX)
    const account = await transaction.objectStore('account').get('current')
    if (account?.userId === this.#keys.userId) {
      void transaction.objectStore('account').put({ ...account, vaultVersion: index.version }, 'current')
    }
    await transaction.done
  }

  async #open(vault: SealedVault): Promise<void> {
    const account = await (await openDevice()).get('account', 'current')
    const seen = account?.userId === this.#keys.userId ? account.vaultVersion : 0
    const known = Math.max(this.#index?.version ?? 0, seen)
    const opened = await this.#crypto.openVault(this.#keys, vault, known)
    this.#index = opened.index
    this.#items = new Map(opened.items)
  }

  async #keep({ index, items }: SealedVault): Promise<void> {
    const transaction = (await openDevice()).transaction(['vault', 'account'], 'readwrite')
    const store = transaction.objectStore('vault')
    void store.clear()
    for (const item of items) void store.put(item, item.name)
    void store.put({ name: INDEX, ...index }, INDEX)
    const account = await transaction.objectStore('account').get('current')
    if (account?.userId === this.#keys.userId) {
      void transaction.objectStore('account').put({ ...account, vaultVersion: index.version }, 'current')
    }
    await transaction.done
  }
}
