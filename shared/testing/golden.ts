import { sha256 } from '@noble/hashes/sha2.js'
import * as z from 'zod/mini'
import { sealMessages } from '../crypto/message.ts'
import type { SealedMessage, ToSeal } from '../crypto/message-steps.ts'
import { newDeviceId, newKey } from '../crypto/random.ts'
import { sealOwnReceipt, sealPeerReceipt, sealTyping } from '../crypto/receipt.ts'
import { publicKeyOf } from '../crypto/signing.ts'
import { sodium } from '../crypto/sodium.ts'
import { toBase64Url } from '../format/base64url.ts'
import { type Bytes, concat, u32, utf8 } from '../format/bytes.ts'
import type { DeviceId } from '../format/ids.ts'
import { parseMediaId } from '../format/ids.ts'
import type { RotateReason } from '../logs/connection-entries.ts'
import { hashEntry, ZERO_HASH } from '../logs/signed.ts'
import { type MessageBody, type MessageType, messageBodies } from '../wire/message-body.ts'
import { newPerson, type Person } from './people.ts'
import { TestConnection } from './talkers.ts'

/** Runs with all randomness drawn from a seed: the same bytes, whenever and wherever it runs. Nothing else may run meanwhile. */
export async function withSeededRandom<T>(seed: string, run: () => Promise<T>): Promise<T> {
  const library = await sodium()
  const { crypto_kem_xwing_enc: encapsulate } = library
  const { getRandomValues } = crypto
  let block = 0
  const draw = (length: number): Bytes => {
    const blocks: Bytes[] = []
    for (let made = 0; made < length; made += 32) blocks.push(new Uint8Array(sha256(concat(utf8(seed), u32(block++)))))
    return concat(...blocks).slice(0, length)
  }
  crypto.getRandomValues = (array) => {
    if (array) new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(draw(array.byteLength))
    return array
  }
  // libsodium draws from the platform by a way of its own.
  library.crypto_kem_xwing_enc = ((key: Uint8Array) =>
    library.crypto_kem_xwing_enc_deterministic(key, draw(64))) as typeof encapsulate
  try {
    return await run()
  } finally {
    crypto.getRandomValues = getRandomValues
    library.crypto_kem_xwing_enc = encapsulate
  }
}

type Golden = { readonly name: string; readonly connectionId: string } & Record<string, unknown>
type Device = { readonly person: Person; readonly deviceId: DeviceId; counter: number; hash: Bytes }

/** A conversation as honest devices write it, with every secret, so that any other program can check itself against it. */
class Recorder {
  readonly #talk: TestConnection
  readonly #keys: object[] = []
  readonly #messages: object[] = []
  readonly #receipts: object[] = []
  readonly #typing: object[] = []
  readonly #devices: Device[] = []
  readonly #newest = new Map<Person, SealedMessage>()
  #lamport = 0

  private constructor(talk: TestConnection) {
    this.#talk = talk
    this.#write(talk.requester)
  }

  static async ask(note: string | null): Promise<Recorder> {
    const [requester, receiver] = [await newPerson('ada'), await newPerson('ben')]
    return new Recorder(await TestConnection.ask(requester, receiver, note))
  }

  get requester(): Person {
    return this.#talk.requester
  }
  get receiver(): Person {
    return this.#talk.receiver
  }

  async accept(): Promise<void> {
    await this.#talk.accept()
    this.#write(this.receiver)
  }

  async rotate(by: Person, reason: RotateReason): Promise<void> {
    const closes = this.#devices
      .filter(({ counter }) => counter > 0)
      .map(({ person, deviceId, counter }) => ({ senderId: person.userId, deviceId, counter }))
    this.#talk.pending.set(by, await this.#talk.rotate(by, closes, reason))
    this.#write(by)
  }

  device(person: Person): Device {
    const device = { person, deviceId: newDeviceId(), counter: 0, hash: ZERO_HASH }
    this.#devices.push(device)
    return device
  }

  async say<T extends MessageType>(device: Device, type: T, said: MessageBody<T>) {
    const { person } = device
    const body = JSON.stringify(z.encode(messageBodies[type] as z.ZodMiniType, said))
    const header: ToSeal = {
      ...this.#secret(person),
      identitySeed: person.seed,
      connectionId: this.#talk.connectionId,
      senderId: person.userId,
      deviceId: device.deviceId,
      counter: ++device.counter,
      lamport: ++this.#lamport,
      prev: device.hash,
      ack: this.#newest.get(this.#other(person))?.hash ?? ZERO_HASH,
      type,
      body,
    }
    const [sealed] = (await sealMessages([header])) as [SealedMessage]
    device.hash = sealed.hash
    this.#newest.set(person, sealed)
    const { epoch, counter, lamport } = header
    this.#messages.push({
      by: this.#nameOf(person),
      type,
      epoch,
      counter,
      lamport,
      body,
      sealed: toBase64Url(sealed.bytes),
    })
    return { senderId: person.userId, deviceId: device.deviceId, counter: device.counter }
  }

  async receipt({ person, deviceId }: Device, upTo: Device): Promise<void> {
    const { connectionId } = this.#talk
    const place = { connectionId, senderId: person.userId, deviceId, revision: this.#receipts.length + 1 }
    const marks = [{ senderId: upTo.person.userId, deviceId: upTo.deviceId, counter: upTo.counter }]
    const said = { delivered: marks, read: marks }
    const accountKey = newKey()
    const peer = await sealPeerReceipt(place, { ...this.#secret(person), identitySeed: person.seed }, said)
    const own = await sealOwnReceipt(place, accountKey, said)
    const { revision } = place
    this.#receipts.push({
      by: this.#nameOf(person),
      deviceId,
      revision,
      body: JSON.stringify(said),
      ...texts({ peer, own, accountKey }),
    })
  }

  async type({ person }: Device, timeMs: number): Promise<void> {
    const { epoch, messageSecret } = this.#secret(person)
    const sealed = await sealTyping(this.#talk.connectionId, person.userId, messageSecret, timeMs)
    this.#typing.push({ by: this.#nameOf(person), epoch, timeMs, ...texts({ sealed }) })
  }

  golden(name: string, note: string | null): Golden {
    const { connectionId, entries, schedules, secrets } = this.#talk
    const person = ({ userId, seed, box }: Person) => ({
      userId,
      ...texts({ identitySeed: seed, identityKey: publicKeyOf(seed) }),
      ...texts({ agreementSecret: box.secretKey, agreementKey: box.publicKey }),
    })
    const { root, transcript } = schedules.get(this.requester) as NonNullable<ReturnType<typeof schedules.get>>
    return {
      name,
      connectionId,
      requester: person(this.requester),
      receiver: person(this.receiver),
      note,
      sealedNote: this.#talk.note && toBase64Url(this.#talk.note),
      entries: entries.map((entry, index) => ({
        ...this.#keys[index],
        ...texts({ ...entry, hash: hashEntry(entry) }),
      })),
      messageSecrets: secrets.get(this.receiver)?.map(({ messageSecret }) => toBase64Url(messageSecret)),
      newest: texts({ transcript, root }),
      messages: this.#messages,
      receipts: this.#receipts,
      typing: this.#typing,
    }
  }

  #secret(person: Person) {
    const newest = this.#talk.secrets.get(person)?.at(-1)
    if (!newest) throw new Error('nobody has accepted yet')
    return newest
  }

  /** Secret halves of the keys that the newest entry brings. */
  #write(by: Person): void {
    const keys = this.#talk.pending.get(by)?.keys
    if (!keys) throw new Error('nothing was written down')
    this.#keys.push({ by: this.#nameOf(by), keys: texts({ x: keys.x, w: keys.w }) })
  }

  #other(person: Person): Person {
    return person === this.requester ? this.receiver : this.requester
  }

  #nameOf(person: Person): 'requester' | 'receiver' {
    return person === this.requester ? 'requester' : 'receiver'
  }
}

function texts<K extends string>(bytes: Record<K, Bytes>): Record<K, string> {
  return Object.fromEntries(Object.entries<Bytes>(bytes).map(([name, value]) => [name, toBase64Url(value)])) as Record<
    K,
    string
  >
}

/** Each side rotates in answer to the other, three devices talk, something is taken back. */
async function answered(): Promise<Golden> {
  const note = 'Grüße aus dem Garten 🌻'
  const talk = await Recorder.ask(note)
  await talk.accept()
  const [phone, tablet, laptop] = [talk.device(talk.requester), talk.device(talk.requester), talk.device(talk.receiver)]
  const first = await talk.say(phone, 'text', { text: 'hello', sentAt: 1_700_000_000_000, ttlMs: null })
  await talk.say(laptop, 'reaction', { target: first, emoji: '👋', sentAt: 1_700_000_001_000 })
  await talk.receipt(laptop, phone)
  await talk.rotate(talk.receiver, 'scheduled')
  await talk.type(laptop, 1_700_000_002_000)
  await talk.say(laptop, 'text', { text: 'ä'.repeat(700), reply: first })
  await talk.say(tablet, 'text', { text: '' })
  await talk.rotate(talk.requester, 'answer')
  await talk.say(phone, 'edit', { target: first, text: 'hello, you' })
  await talk.say(phone, 'delete', { target: first, hash: phone.hash })
  await talk.receipt(tablet, laptop)
  return talk.golden('both sides change keys, three devices, a note', note)
}

/** One side rotates twice in a row; epochs in which nobody says anything. */
async function twice(): Promise<Golden> {
  const talk = await Recorder.ask(null)
  await talk.accept()
  const [hers, his] = [talk.device(talk.requester), talk.device(talk.receiver)]
  await talk.rotate(talk.receiver, 'device-removed')
  await talk.rotate(talk.receiver, 'disappearing')
  await talk.say(his, 'settings', { disappearAfterMs: 604_800_000, ttlMs: 604_800_000 })
  await talk.say(hers, 'media', {
    media: {
      mediaId: parseMediaId('AAECAwQFBgcICQoLDA0ODw'),
      contentKey: newKey(),
      kind: 'voice',
      name: 'voice note.webm',
      type: 'audio/webm',
      sizeBytes: 12_345,
      durationMs: 2345,
      hasThumb: false,
      waveform: Array.from({ length: 64 }, (_, at) => at % 32),
    },
    ttlMs: 604_800_000,
  })
  await talk.rotate(talk.requester, 'password-reset')
  await talk.rotate(talk.receiver, 'answer')
  await talk.rotate(talk.requester, 'unblocked')
  await talk.say(his, 'text', { text: '{"text":"not JSON to anybody"}', ttlMs: 86_400_000 })
  return talk.golden('one side changes keys twice in a row, epochs without messages', null)
}

/** `shared/vectors/connection.json` */
export async function goldenTranscripts(): Promise<string> {
  const about = 'Connections with every secret, as docs/protocol.md §5 says. Secrets are worthless: made for this file.'
  const transcripts = [
    await withSeededRandom('kith golden answered', answered),
    await withSeededRandom('kith golden twice', twice),
  ]
  return `${JSON.stringify({ about, transcripts }, null, 1)}\n`
}
