import {
  type EpochSecret,
  type KeySchedule,
  makeAccept,
  makeRequest,
  makeRotate,
  nextSchedule,
  type PendingEntry,
  startSchedule,
} from '../crypto/connection-keys.ts'
import { newConnectionId } from '../crypto/random.ts'
import { publicKeyOf } from '../crypto/signing.ts'
import type { Bytes } from '../format/bytes.ts'
import { type ConnectionState, type PublicKeys, peerOf, replayConnection } from '../logs/connection.ts'
import type { RotateEntry } from '../logs/connection-entries.ts'
import type { SignedEntry } from '../logs/signed.ts'
import type { Person } from './people.ts'

const authorOf = ({ userId, seed, actor }: Person) => ({
  userId,
  identitySeed: seed,
  identityHead: actor.head,
  identityKey: publicKeyOf(seed),
})

/** Two honest people's connection; each side derives its keys by itself. */
export class TestConnection {
  readonly connectionId = newConnectionId()
  readonly entries: SignedEntry[] = []
  readonly schedules = new Map<Person, KeySchedule>()
  readonly secrets = new Map<Person, EpochSecret[]>()
  readonly pending = new Map<Person, PendingEntry>()
  readonly requester: Person
  readonly receiver: Person
  note: Bytes | null = null

  private constructor(requester: Person, receiver: Person) {
    this.requester = requester
    this.receiver = receiver
  }

  static async ask(requester: Person, receiver: Person, note: string | null = null): Promise<TestConnection> {
    const connection = new TestConnection(requester, receiver)
    const to = {
      userId: receiver.userId,
      identityKey: publicKeyOf(receiver.seed),
      agreementKey: receiver.box.publicKey,
    }
    const what = { note, now: 1000, expiresAt: 2000 }
    const made = await makeRequest(connection.connectionId, authorOf(requester), to, what)
    connection.pending.set(requester, made.pending)
    connection.note = made.note
    connection.entries.push(made.pending.entry)
    return connection
  }

  static async between(requester: Person, receiver: Person): Promise<TestConnection> {
    const connection = await TestConnection.ask(requester, receiver)
    await connection.accept()
    return connection
  }

  get state(): ConnectionState {
    return replayConnection(this.connectionId, this.entries)
  }

  async accept(): Promise<void> {
    const [request] = this.entries as [SignedEntry]
    const keys = this.state.requester.keys as PublicKeys
    const pending = await makeAccept(request, authorOf(this.receiver), keys, 1100)
    this.pending.set(this.receiver, pending)
    this.entries.push(pending.entry)
    for (const person of [this.requester, this.receiver]) {
      const made = await startSchedule(request, pending.entry, this.pending.get(person) as PendingEntry)
      this.#take(person, made)
    }
  }

  async rotate(by: Person, closes: RotateEntry['closes'] = [], reason: RotateEntry['reason'] = 'scheduled') {
    const before = this.state
    const body = { epoch: before.epoch + 1, prev: before.head, reason, closes, createdAt: 1200 + before.epoch }
    const pending = await makeRotate(authorOf(by), peerOf(before, by.userId).keys as PublicKeys, body)
    this.entries.push(pending.entry)
    for (const person of [this.requester, this.receiver]) {
      const peer = peerOf(before, person.userId).keys as PublicKeys
      const schedule = this.schedules.get(person) as KeySchedule
      this.#take(person, await nextSchedule(schedule, pending.entry, peer, person === by ? pending : null))
    }
    return pending
  }

  #take(person: Person, { schedule, secret }: { schedule: KeySchedule; secret: EpochSecret }): void {
    this.schedules.set(person, schedule)
    this.secrets.set(person, [...(this.secrets.get(person) ?? []), secret])
  }
}
