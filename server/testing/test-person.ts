import { ed25519 } from '@noble/curves/ed25519.js'
import * as opaque from '@serenity-kit/opaque'
import {
  type DeviceId,
  type GroupId,
  type InviteId,
  type MemberId,
  parseDeviceId,
  parseGroupId,
  parseInviteId,
  parseUserId,
  type UserId,
} from '../../shared/format/ids.ts'
import type { GroupAction, InviteRole } from '../../shared/logs/group-entries.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import { AGREEMENT_KEY_BYTES, IDENTITY_LABEL, identityStatement } from '../../shared/logs/identity.ts'
import { encodeStatement, hashEntry, hashOf, type SignedEntry, ZERO_HASH } from '../../shared/logs/signed.ts'
import { VAULT_WRITE_LABEL, vaultWriteInput } from '../../shared/logs/vault-write.ts'
import {
  createAccount,
  finishSignIn,
  startRegistration,
  startSignIn,
  UNLOCK_BOX_BYTES,
} from '../../shared/wire/accounts.ts'
import {
  appendGroupLog,
  type GroupAppend,
  type GroupBox,
  type InviteKeys,
  type NewGroup,
  readGroupLog,
} from '../../shared/wire/groups.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import type { UnsignedVaultWrite, VaultWrite } from '../../shared/wire/vault.ts'
import { identifiersOf, type Slot } from '../accounts/opaque.ts'
import { randomId } from './seed.ts'
import { box, joinProof, proveSignup, sign, signEntry, type TestInvite } from './signing.ts'
import type { TestClient } from './test-client.ts'
import type { TestServer } from './test-server.ts'

/** Tests stretch nothing: what it costs is the client's concern. */
const CHEAP = { 'argon2id-custom': { iterations: 1, memory: 8, parallelism: 1 } }

/** Somebody who signs and signs in as Kith's page does; what is sealed is random bytes. */
export class TestPerson {
  readonly server: TestServer
  readonly username: string
  readonly userId: UserId = parseUserId(randomId())
  readonly deviceId: DeviceId = parseDeviceId(randomId())
  readonly secretKey = ed25519.utils.randomSecretKey()
  readonly recoverySecretKey = ed25519.utils.randomSecretKey()
  readonly statements: SignedEntry[] = []
  client: TestClient
  password = 'correct horse'
  destruction: string | null = null
  personalGroup: GroupId | null = null

  constructor(server: TestServer, username: string) {
    this.server = server
    this.username = username
    this.client = server.client()
  }

  get identity(): SignedEntry {
    return this.statements.at(-1) ?? this.addStatement()
  }

  addStatement(methods: readonly ('password' | 'recovery' | 'passkey')[] = ['password', 'recovery']): SignedEntry {
    const before = this.statements.at(-1)
    const bytes = encodeStatement(identityStatement, {
      v: 1,
      userId: this.userId,
      username: this.username,
      seq: this.statements.length,
      prev: before ? hashEntry(before) : ZERO_HASH,
      identityKey: new Uint8Array(ed25519.getPublicKey(this.secretKey)),
      agreementKey: box(AGREEMENT_KEY_BYTES),
      unlockMethods: methods.map((method) => ({ method, publicKey: box(AGREEMENT_KEY_BYTES) })),
      createdAt: this.server.clock.now(),
    })
    const entry = { bytes, sig: sign(this.secretKey, IDENTITY_LABEL, bytes) }
    this.statements.push(entry)
    return entry
  }

  async register(slot: Slot, password: string): Promise<string> {
    const { clientRegistrationState, registrationRequest } = opaque.client.startRegistration({ password })
    const requests = slot === 0 ? [registrationRequest] : [registrationRequest, registrationRequest]
    const { responses } = await this.client.call(startRegistration, { body: { username: this.username, requests } })
    return opaque.client.finishRegistration({
      password,
      clientRegistrationState,
      registrationResponse: responses[slot] ?? '',
      identifiers: identifiersOf(this.username, slot),
      keyStretching: CHEAP,
    }).registrationRecord
  }

  async accountBody(invite: BodyOf<typeof createAccount>['invite'] = null): Promise<BodyOf<typeof createAccount>> {
    const group = this.newGroup()
    this.personalGroup = group.groupId
    return {
      userId: this.userId,
      deviceId: this.deviceId,
      records: {
        password: await this.register(0, this.password),
        destruction: this.destruction === null ? null : await this.register(1, this.destruction),
      },
      identity: this.identity,
      recoveryKey: new Uint8Array(ed25519.getPublicKey(this.recoverySecretKey)),
      unlock: [
        { method: 'password', sealed: box(UNLOCK_BOX_BYTES) },
        { method: 'recovery', sealed: box(UNLOCK_BOX_BYTES) },
      ],
      vault: this.vaultWrite({
        ifIndexVersion: 0,
        index: { version: 1, sealed: box(100) },
        put: [{ name: 'identity', version: 1, sealed: box(100) }],
        remove: [],
      }),
      groups: [group],
      invite,
    }
  }

  vaultWrite(write: UnsignedVaultWrite): VaultWrite {
    return { ...write, sig: sign(this.secretKey, VAULT_WRITE_LABEL, vaultWriteInput(this.userId, write)) }
  }

  async signUp(invite?: TestInvite): Promise<this> {
    const proof = invite ? proveSignup(invite, this.userId) : null
    await this.client.call(createAccount, { body: await this.accountBody(proof) })
    return this
  }

  /** Runs both slots as the page does. @throws {AppError} `auth/failed` */
  async signIn(password = this.password, client = this.server.client()): Promise<TestClient> {
    const { clientLoginState, startLoginRequest } = opaque.client.startLogin({ password })
    const body = { username: this.username, requests: [startLoginRequest, startLoginRequest] }
    const { signInId, responses } = await client.call(startSignIn, { body })
    for (const slot of [0, 1] as const) {
      const finished = opaque.client.finishLogin({
        clientLoginState,
        loginResponse: responses[slot] ?? '',
        password,
        identifiers: identifiersOf(this.username, slot),
        keyStretching: CHEAP,
      })
      if (!finished && slot === 0) continue
      const finish = finished?.finishLoginRequest ?? box(64).toBase64({ alphabet: 'base64url', omitPadding: true })
      await client.call(finishSignIn, { body: { signInId, slot, finish, deviceId: this.deviceId } })
      return client
    }
    return client
  }

  newGroup(): NewGroup {
    const groupId = parseGroupId(randomId())
    const sealed = box()
    const create = this.entry(groupId, null, { type: 'create', payload: { identity: this.identity } })
    const state = replayGroup(groupId, [create])
    const rotate = this.entry(groupId, state, {
      type: 'rotate',
      payload: {
        epoch: 1,
        commitment: box(32),
        boxes: [{ memberId: this.userId, hash: hashOf(sealed) }],
        prevBox: null,
        keptInvites: [],
      },
    })
    return {
      groupId,
      entries: [create, rotate],
      boxes: [{ memberId: this.userId, epoch: 1, sealed }],
      profile: { revision: 1, sealed: box(64) },
    }
  }

  entry(groupId: GroupId, before: Pick<GroupState, 'seq' | 'head'> | null, action: GroupAction): SignedEntry {
    return signEntry(this.server, this.userId, hashEntry(this.identity), this.secretKey, groupId, before, action)
  }

  async readGroup(groupId: GroupId): Promise<GroupState> {
    const { entries } = await this.client.call(readGroupLog, { params: { groupId }, query: { from: 0 } })
    return replayGroup(groupId, entries)
  }

  /** One append on top of `state`. */
  append(
    state: GroupState,
    actions: readonly GroupAction[],
    more: { boxes?: GroupBox[]; invites?: InviteKeys[] } = {},
  ): Promise<void> {
    const body = this.appendBody(state, actions, more)
    return this.client.call(appendGroupLog, { params: { groupId: state.groupId }, body })
  }

  appendBody(
    state: GroupState,
    actions: readonly GroupAction[],
    { boxes = [], invites = [] }: { boxes?: GroupBox[]; invites?: InviteKeys[] } = {},
  ): GroupAppend {
    const entries: SignedEntry[] = []
    let at: Pick<GroupState, 'seq' | 'head'> = state
    for (const action of actions) {
      const entry = this.entry(state.groupId, at, action)
      entries.push(entry)
      at = { seq: at.seq + 1, head: hashEntry(entry) }
    }
    return { ifHead: state.head, entries, boxes, invites }
  }

  async invite(
    groupId: GroupId,
    options: { role?: InviteRole; maxUses?: number; ttlMs?: number; code?: string } = {},
  ): Promise<TestInvite> {
    const { role = 'member', maxUses = 1, ttlMs = 3600_000, code = null } = options
    const secretKey = ed25519.utils.randomSecretKey()
    const inviteId = parseInviteId(randomId())
    const payload = {
      inviteId,
      invitePub: new Uint8Array(ed25519.getPublicKey(secretKey)),
      role,
      expiresAt: this.server.clock.now() + ttlMs,
      maxUses,
    }
    await this.append(await this.readGroup(groupId), [{ type: 'invite', payload }], {
      invites: [{ inviteId, sealed: box(200), code }],
    })
    return { groupId, inviteId, secretKey }
  }

  joinAction(invite: TestInvite): GroupAction {
    const key = ed25519.getPublicKey(this.secretKey)
    return {
      type: 'join',
      payload: { ...joinProof(invite, this.userId, key), identity: this.identity, worker: null },
    }
  }

  /** `state` as an open invite shows it. */
  async join(invite: TestInvite, state: GroupState): Promise<void> {
    await this.append(state, [this.joinAction(invite)])
  }

  /** A rotation for everybody in `state` but `without`. */
  rotation(state: GroupState, more: { without?: MemberId; ghost?: MemberId; keptInvites?: InviteId[] } = {}) {
    const members: MemberId[] = [...state.members.keys(), ...state.workers.keys()]
    const recipients = members.filter((id) => id !== more.without).concat(more.ghost ?? [])
    const epoch = state.epoch + 1
    const boxes: GroupBox[] = recipients.map((memberId) => ({ memberId, epoch, sealed: box() }))
    const action: GroupAction = {
      type: 'rotate',
      payload: {
        epoch,
        commitment: box(32),
        boxes: boxes.map(({ memberId, sealed }) => ({ memberId, hash: hashOf(sealed) })),
        prevBox: box(60),
        keptInvites: more.keptInvites ?? [],
      },
    }
    return { action, boxes }
  }
}
