import { ed25519 } from '@noble/curves/ed25519.js'
import { type GroupId, parseWorkerId, type WorkerId } from '../../shared/format/ids.ts'
import type { GroupAction } from '../../shared/logs/group-entries.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import { AGREEMENT_KEY_BYTES } from '../../shared/logs/identity.ts'
import { encodeStatement, hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import { WORKER_LABEL, workerStatement } from '../../shared/logs/worker-statement.ts'
import { finishWorkerSession, registerWorker, startWorkerSession } from '../../shared/wire/workers.ts'
import { randomId } from './seed.ts'
import { box, joinProof, sign, signEntry, type TestInvite } from './signing.ts'
import type { TestClient } from './test-client.ts'
import type { TestServer } from './test-server.ts'

/** A worker that registers and signs in as the real one does. */
export class TestWorker {
  readonly server: TestServer
  readonly workerId: WorkerId = parseWorkerId(randomId())
  readonly secretKey = ed25519.utils.randomSecretKey()
  readonly statement: SignedEntry
  readonly client: TestClient

  constructor(server: TestServer) {
    this.server = server
    this.client = server.client()
    const bytes = encodeStatement(workerStatement, {
      v: 1,
      workerId: this.workerId,
      identityKey: new Uint8Array(ed25519.getPublicKey(this.secretKey)),
      agreementKey: box(AGREEMENT_KEY_BYTES),
      createdAt: server.clock.now(),
    })
    this.statement = { bytes, sig: sign(this.secretKey, WORKER_LABEL, bytes) }
  }

  async register(token: string | null = this.server.deps.secrets.workerToken): Promise<this> {
    await this.client.call(registerWorker, { body: { statement: this.statement, token, invite: null } })
    return this
  }

  async signIn(): Promise<this> {
    const { workerId } = this
    const { challengeId, challenge } = await this.client.call(startWorkerSession, { body: { workerId } })
    const sig = sign(this.secretKey, 'kith/v1/worker-auth', challenge)
    this.client.bearer = (await this.client.call(finishWorkerSession, { body: { challengeId, sig } })).token
    return this
  }

  entry(groupId: GroupId, before: GroupState, action: GroupAction): SignedEntry {
    return signEntry(this.server, this.workerId, hashEntry(this.statement), this.secretKey, groupId, before, action)
  }

  joinAction(invite: TestInvite): GroupAction {
    const proof = joinProof(invite, this.workerId, ed25519.getPublicKey(this.secretKey))
    return { type: 'join', payload: { ...proof, identity: null, worker: this.statement } }
  }
}
