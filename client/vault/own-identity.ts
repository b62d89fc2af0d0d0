import type { GroupActor } from '../../shared/crypto/group-entry.ts'
import type { DeviceAccount } from '../../shared/device/db.ts'
import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import { replayIdentity } from '../../shared/logs/identity.ts'
import { type SignedEntry, ZERO_HASH } from '../../shared/logs/signed.ts'
import { readIdentity } from '../../shared/wire/accounts.ts'
import type { Api } from '../app/api.ts'
import { changeDeviceAccount, readDeviceAccount } from './device.ts'
import type { Secrets } from './secrets.ts'

/** Who we are to others: what we sign with, and our newest statement as this device has pinned it. */
export class OwnIdentity {
  readonly #api: Api
  readonly #secrets: Secrets
  #actor: GroupActor

  constructor(api: Api, secrets: Secrets, account: DeviceAccount) {
    this.#api = api
    this.#secrets = secrets
    const head = account.identity?.head ?? ZERO_HASH
    this.#actor = { id: secrets.userId, seed: secrets.identitySeed, head }
  }

  get actor(): GroupActor {
    return this.#actor
  }

  /**
   * Our newest statement, fetched and checked against the vault's key and what this device has seen.
   * @throws {AppError} `identity/changed`, `identity/rollback`, `log/…`: the server shows another identity than ours.
   */
  async learn(): Promise<SignedEntry> {
    const { userId, identityKey: own } = this.#secrets
    const account = await readDeviceAccount()
    const pin = account?.userId === userId ? account.identity : undefined
    const { entries } = await this.#api.call(readIdentity, { params: { userId } })
    const { seq, head, identityKey } = replayIdentity(entries, pin ?? undefined, userId)
    if (!equalBytes(identityKey, own)) {
      throw new AppError('identity/changed', 'the server shows another identity than yours')
    }
    this.#actor = { ...this.#actor, head }
    if (pin?.seq !== seq) {
      await changeDeviceAccount((now) => {
        const isNewer = now?.userId === userId && (now.identity?.seq ?? -1) < seq
        return isNewer ? { ...now, identity: { seq, head, identityKey } } : null
      })
    }
    return entries.at(-1) as SignedEntry
  }
}
