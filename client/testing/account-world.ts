import * as opaque from '@serenity-kit/opaque'
import { boxKeysFrom } from '../../shared/crypto/box.ts'
import { makeRotation, openGroupBox, sealGroupBox } from '../../shared/crypto/group-box.ts'
import { sha256 } from '../../shared/crypto/hash.ts'
import { identityKeyOf } from '../../shared/crypto/identity-key.ts'
import { openSecret, sealSecret } from '../../shared/crypto/secretbox.ts'
import { openAccountKey, sealAccountKey, unlockKeys } from '../../shared/crypto/unlock.ts'
import { AppError } from '../../shared/errors.ts'
import { fromBase64Url } from '../../shared/format/base64url.ts'
import { concat, equalBytes, utf8 } from '../../shared/format/bytes.ts'
import { hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import {
  changePassword,
  createAccount,
  finishRecovery,
  finishSignIn,
  readSession,
  readUnlockBoxes,
  type Session,
  startRecovery,
  startRegistration,
  startSignIn,
  type UnlockBox,
} from '../../shared/wire/accounts.ts'
import type { BodyOf, Route } from '../../shared/wire/route.ts'
import { writeVault } from '../../shared/wire/vault.ts'
import type { Api } from '../app/api.ts'
import { openVault, sealVaultWrite } from '../vault/sealing.ts'
import type { Crypto } from '../workers/crypto.ts'
import { startOpaqueRegistration, startOpaqueSignIn } from '../workers/opaque.ts'
import { FakeServer } from './fake-server.ts'

/** What the Web Worker offers, without one; all stretching is cheap. */
export const accountCrypto = {
  boxKeysFrom,
  finishOpaqueRegistration: finishRegistration,
  finishOpaqueSignIn: finishSigningIn,
  identityKeyOf,
  makeRotation,
  openAccountKey,
  openGroupBox,
  openSecret,
  openVault,
  sealAccountKey,
  sealGroupBox,
  sealSecret,
  sealVaultWrite,
  startOpaqueRegistration,
  startOpaqueSignIn,
  stretchPassword: (password: string, salt: Uint8Array) => sha256(concat(utf8(password), salt)),
  unlockKeys,
} as unknown as Crypto

/** The pinned stretching would take seconds in every test. */
const CHEAP = { 'argon2id-custom': { iterations: 1, memory: 8, parallelism: 1 } }

async function finishRegistration(
  username: string,
  slot: number,
  password: string,
  { state, response }: { state: string; response: string },
) {
  const { registrationRecord, exportKey, serverStaticPublicKey } = opaque.client.finishRegistration({
    password,
    registrationResponse: response,
    clientRegistrationState: state,
    identifiers: identifiersOf(username, slot),
    keyStretching: CHEAP,
  })
  return { record: registrationRecord, exportKey: fromBase64Url(exportKey), serverKey: serverStaticPublicKey }
}

async function finishSigningIn(
  username: string,
  slot: number,
  password: string,
  { state, response }: { state: string; response: string },
) {
  const opened = opaque.client.finishLogin({
    password,
    loginResponse: response,
    clientLoginState: state,
    identifiers: identifiersOf(username, slot),
    keyStretching: CHEAP,
  })
  if (!opened) return null
  const { finishLoginRequest, exportKey, serverStaticPublicKey } = opened
  return { finish: finishLoginRequest, exportKey: fromBase64Url(exportKey), serverKey: serverStaticPublicKey }
}

/** A page without other tabs. */
export class NoTabs {
  onmessage = null
  postMessage(): void {}
}

type Slots = [password: string | null, destruction: string | null]

/** One account at a server with real OPAQUE, and what that server could do with what it stores. */
export class AccountWorld {
  readonly server = new FakeServer()
  /** Method and path of each request, in order. */
  readonly asked: string[] = []
  readonly finishes: BodyOf<typeof finishSignIn>[] = []
  readonly api: Api
  readonly serverKey: string
  records: Slots = [null, null]
  boxes: UnlockBox[] = []
  isDestroyed = false
  /** Throws where a request is to fail. */
  beforeAnswer: (route: Route) => void = () => undefined
  /** Throws where what was asked is done and the answer gets lost, or keeps it back. */
  afterAnswer: (route: Route) => void | Promise<void> = () => undefined
  readonly #setup: string
  #account: BodyOf<typeof createAccount> | undefined
  #states: string[] = []

  private constructor(setup: string) {
    this.#setup = setup
    this.serverKey = opaque.server.getPublicKey(setup)
    const call = async (route: Route, options: { body?: unknown; params?: object } = {}) => {
      this.asked.push(`${route.method} ${route.path}`)
      this.beforeAnswer(route)
      const answer = await this.#answer(route, options)
      await this.afterAnswer(route)
      return answer
    }
    this.api = { call, onSignedOut: () => undefined, onRemoved: () => undefined } as unknown as Api
  }

  static async create(): Promise<AccountWorld> {
    await opaque.ready
    return new AccountWorld(opaque.server.createSetup())
  }

  get account(): BodyOf<typeof createAccount> {
    if (!this.#account) throw new Error('nobody has signed up')
    return this.#account
  }

  async #answer(route: Route, options: { body?: unknown; params?: object }): Promise<unknown> {
    switch (route as unknown) {
      case startRegistration:
        return this.#register(options.body as BodyOf<typeof startRegistration>)
      case createAccount:
        return this.#create(options.body as BodyOf<typeof createAccount>)
      case changePassword:
        return this.#change(options.body as BodyOf<typeof changePassword>)
      case startSignIn:
        return this.#start(options.body as BodyOf<typeof startSignIn>)
      case finishSignIn:
        return this.#finish(options.body as BodyOf<typeof finishSignIn>)
      case startRecovery:
        return { challengeId: 'c', challenge: new Uint8Array(32) }
      case finishRecovery:
      case readSession:
        return this.#session()
      case readUnlockBoxes:
        return { boxes: this.boxes }
      default:
        return this.server.apiOf(this.account.userId).call(route, options as never)
    }
  }

  #register({ username, requests }: BodyOf<typeof startRegistration>) {
    const responses = requests.map((registrationRequest, slot) => {
      const userIdentifier = `${username}#${slot}`
      return opaque.server.createRegistrationResponse({
        serverSetup: this.#setup,
        userIdentifier,
        registrationRequest,
      }).registrationResponse
    })
    return { responses }
  }

  async #create(body: BodyOf<typeof createAccount>): Promise<Session> {
    if (this.#account) throw new AppError('account/name-taken')
    this.#account = body
    this.boxes = [...body.unlock]
    this.records = [body.records.password, body.records.destruction]
    this.server.identities.set(body.userId, [body.identity])
    await this.server.apiOf(body.userId).call(writeVault, { body: body.vault })
    for (const group of body.groups) this.server.add(group)
    return this.#session()
  }

  #change({ records, unlock, ifIdentityHead, identity }: BodyOf<typeof changePassword>): void {
    const log = this.server.identities.get(this.account.userId) ?? []
    if (!equalBytes(hashEntry(log.at(-1) as SignedEntry), ifIdentityHead)) throw new AppError('log/conflict')
    this.records = [records.password, records.destruction]
    const changed = new Set(unlock.map(({ method }) => method))
    this.boxes = [...this.boxes.filter(({ method }) => !changed.has(method)), ...unlock]
    log.push(identity)
  }

  #start({ username, requests }: BodyOf<typeof startSignIn>) {
    const made = requests.map((startLoginRequest, slot) =>
      opaque.server.startLogin({
        serverSetup: this.#setup,
        userIdentifier: `${username}#${slot}`,
        registrationRecord: this.records[slot] ?? null,
        startLoginRequest,
        identifiers: identifiersOf(username, slot),
      }),
    )
    this.#states = made.map(({ serverLoginState }) => serverLoginState)
    return { signInId: 's', responses: made.map(({ loginResponse }) => loginResponse) }
  }

  #finish(body: BodyOf<typeof finishSignIn>): Session {
    this.finishes.push(body)
    const { username } = this.#session()
    try {
      opaque.server.finishLogin({
        serverLoginState: this.#states[body.slot] ?? '',
        finishLoginRequest: body.finish,
        identifiers: identifiersOf(username, body.slot),
      })
    } catch {
      throw new AppError('auth/failed')
    }
    if (body.slot === 0) return this.#session()
    this.isDestroyed = true
    this.records = [null, null]
    throw new AppError('auth/failed')
  }

  #session(): Session {
    const { userId, deviceId } = this.account
    return { userId, username: 'ada', deviceId, ownsInstance: true, expiresAt: Date.now() + 1e9 }
  }
}

function identifiersOf(username: string, slot: number) {
  return { client: username, server: `kith/v1#${slot}` }
}
