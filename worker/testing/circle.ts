import type { Notice } from '../../server/realtime/events.ts'
import { putBytes, someBytes } from '../../server/testing/media.ts'
import type { TestClient } from '../../server/testing/test-client.ts'
import { TestPerson } from '../../server/testing/test-person.ts'
import type { TestServer } from '../../server/testing/test-server.ts'
import { verifyAndOpenDocument, workerDocumentKey } from '../../shared/crypto/document.ts'
import { sealGroupBox } from '../../shared/crypto/group-box.ts'
import { inviteFragment, invitePublicKey, newInviteSecret, sealInvitePayload } from '../../shared/crypto/invite.ts'
import { objectId, uploadSalt } from '../../shared/crypto/object-key.ts'
import { newInviteId, newKey, newMediaId } from '../../shared/crypto/random.ts'
import { sealObject } from '../../shared/crypto/seal-object.ts'
import { wrapContentKey } from '../../shared/crypto/wraps.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { ORIGINAL } from '../../shared/format/object-name.ts'
import { verifySignature } from '../../shared/logs/signed.ts'
import { createGroup } from '../../shared/wire/groups.ts'
import { type ClaimedJob, claimJob, type JobView } from '../../shared/wire/jobs.ts'
import { createMedia, finishMedia, type MediaRecord, readMedia } from '../../shared/wire/media.ts'
import { type WorkerDocument, workerDocument } from '../../shared/wire/worker-document.ts'
import { registerWorker } from '../../shared/wire/workers.ts'
import { Api } from '../api.ts'
import { type Identity, openIdentity } from '../identity.ts'

/** An item and what opens it. */
export type Item = { readonly mediaId: MediaId; readonly originalId: string; readonly contentKey: Bytes }

/** A person's own group at a real server, with workers that can open what is sent to it. */
export class Circle {
  readonly ada: TestPerson
  readonly groupId: GroupId
  readonly #mediaKey = newKey()

  private constructor(ada: TestPerson, groupId: GroupId) {
    this.ada = ada
    this.groupId = groupId
  }

  static async open(server: TestServer): Promise<Circle> {
    const ada = await new TestPerson(server, 'ada').signUp()
    return new Circle(ada, ada.personalGroup as GroupId)
  }

  /** Another group of the same person. */
  async another(): Promise<Circle> {
    const body = this.ada.newGroup()
    await this.ada.client.call(createGroup, { body })
    return new Circle(this.ada, body.groupId)
  }

  /** Lets the worker of this folder in, as an admin's page does. */
  async enrol(folder: string): Promise<{ identity: Identity; api: Api }> {
    const { server } = this.ada
    const identity = await openIdentity(folder)
    const api = new Api(this.ada.client.url, identity)
    const { statement, workerId, box } = identity
    await api.callAnonymously(registerWorker, { statement, token: server.deps.secrets.workerToken, invite: null })
    const state = await this.ada.readGroup(this.groupId)
    const { epoch } = state
    const recipient = { memberId: workerId, agreementKey: box.publicKey }
    const { hash, ...sealed } = await sealGroupBox(this.groupId, epoch, recipient, this.#mediaKey)
    const payload = { worker: statement, boxes: [{ epoch, hash }] }
    await this.ada.append(state, [{ type: 'enrol-worker', payload }], { boxes: [sealed] })
    return { identity, api }
  }

  /** The link of an invite for workers, as an admin's page makes it. */
  async inviteWorkers(maxUses: number): Promise<string> {
    const ticket = { groupId: this.groupId, inviteId: newInviteId(), secret: newInviteSecret() }
    const { inviteId } = ticket
    const state = await this.ada.readGroup(this.groupId)
    const { seq, head, epoch } = state
    const media = [{ epoch, key: this.#mediaKey }]
    const sealed = await sealInvitePayload(ticket, { for: 'worker', pin: { seq, head }, media })
    const invitePub = await invitePublicKey(ticket.secret)
    // By the worker's clock, which the server's need not be in tests.
    const expiresAt = Date.now() + 86_400_000
    const payload = { inviteId, invitePub, role: 'worker' as const, expiresAt, maxUses }
    await this.ada.append(state, [{ type: 'invite', payload }], { invites: [{ inviteId, sealed, code: null }] })
    return `${this.ada.client.url}/join#${inviteFragment(ticket)}`
  }

  /** Sends an item. @param change what becomes of its sealed original on the way */
  async upload(plain: Bytes, change: (sealed: Bytes) => Bytes = (sealed) => sealed): Promise<Item> {
    const contentKey = newKey()
    const place = { mediaId: newMediaId(), groupId: this.groupId, epoch: 1 }
    const { mediaId } = place
    const originalId = await objectId(contentKey, ORIGINAL)
    const { client } = this.ada
    await client.call(createMedia, {
      body: {
        ...place,
        wrappedContent: await wrapContentKey(this.#mediaKey, place, contentKey),
        wrappedCard: someBytes(60),
        card: { revision: 1, sealed: someBytes(100) },
      },
    })
    const sealed = await sealObject({ contentKey, mediaId, name: ORIGINAL }, plain, uploadSalt())
    await putBytes(client, mediaId, originalId, change(sealed))
    await client.call(finishMedia, { params: { mediaId }, body: { originalId } })
    return { mediaId, originalId, contentKey }
  }

  read({ mediaId }: Item, client: TestClient = this.ada.client): Promise<MediaRecord> {
    return client.call(readMedia, { params: { mediaId } })
  }

  /** The job of the item in this state; waits for it where it has not been yet. */
  reached({ mediaId }: Item, state: JobView['state']): Promise<JobView> {
    const { notices, deps } = this.ada.server
    const found = viewsOf(notices, mediaId).find((view) => view.state === state)
    if (found) return Promise.resolve(found)
    return new Promise((resolve) => {
      const stop = deps.events.listen((notice) => {
        const [view] = viewsOf([notice], mediaId)
        if (view?.state !== state) return
        stop()
        resolve(view)
      })
    })
  }

  /** All states of the item's job that its people were told of, in order. */
  states({ mediaId }: Item): JobView['state'][] {
    const all = viewsOf(this.ada.server.notices, mediaId).map(({ state }) => state)
    return all.filter((state, i) => state !== all[i - 1])
  }

  /** What `worker` says of the item; null where nobody says anything. */
  async documentOf(item: Item, worker: Identity, client?: TestClient): Promise<WorkerDocument | null> {
    const { workerDocument: kept } = await this.read(item, client)
    if (!kept) return null
    const name = { label: 'kith/v1/worker-doc', id: item.mediaId, revision: kept.revision } as const
    const opened = await verifyAndOpenDocument(name, await workerDocumentKey(item.contentKey), kept.sealed, {
      schema: workerDocument,
      verifyAuthor: (author, label, bytes, sig) =>
        author === worker.workerId && verifySignature(label, bytes, sig, worker.publicKey),
    })
    return opened.body
  }
}

function viewsOf(notices: readonly Notice[], mediaId: MediaId): JobView[] {
  return notices.flatMap((notice) =>
    notice.kind === 'event' && notice.name === 'job' && notice.payload.mediaId === mediaId ? [notice.payload] : [],
  )
}

/** The next job. @throws where there is none */
export async function claimNext(api: Api): Promise<ClaimedJob> {
  const { job } = await api.call(claimJob, { body: { waitMs: 0, gate: null } })
  if (!job) throw new Error('there is no job')
  return job
}
