import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { type BoxKeys, boxKeysFrom } from '../shared/crypto/box.ts'
import { newKey, newWorkerId } from '../shared/crypto/random.ts'
import { publicKeyOf, signStatement } from '../shared/crypto/signing.ts'
import { AppError } from '../shared/errors.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { fingerprint } from '../shared/logs/fingerprint.ts'
import type { SignedEntry } from '../shared/logs/signed.ts'
import { verifyWorkerStatement, WORKER_LABEL, workerStatement } from '../shared/logs/worker-statement.ts'
import { bytes, groupId, natural, signedEntry, workerId } from '../shared/wire/primitives.ts'

const FILE = 'identity.json'

/** What the worker keeps: its own keys, and the media keys that an invite gave it. */
const stored = z.strictObject({
  v: z.literal(1),
  workerId,
  seed: bytes(32),
  agreementSeed: bytes(32),
  statement: signedEntry,
  invited: z.array(z.strictObject({ groupId, media: z.array(z.strictObject({ epoch: natural, key: bytes(32) })) })),
})
type Stored = z.output<typeof stored>
export type InvitedKeys = Stored['invited'][number]

export type Identity = Pick<Stored, 'workerId' | 'seed'> & {
  readonly statement: SignedEntry
  readonly box: BoxKeys
  readonly publicKey: Bytes
  /** What an admin compares before letting it in. */
  readonly fingerprint: string
}

/** The identity of `folder`, made at the first start. @throws {AppError} `internal` when the file is damaged. */
export async function openIdentity(folder: string): Promise<Identity> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return present((await read(folder)) ?? (await create(folder)))
}

/** Keeps the media keys that came with an invite. */
export async function keepInvited(folder: string, joined: InvitedKeys): Promise<void> {
  const before = await read(folder)
  if (!before) throw new AppError('internal', 'the worker has no identity yet')
  const others = before.invited.filter(({ groupId: id }) => id !== joined.groupId)
  await write(folder, { ...before, invited: [...others, joined] })
}

/** The media keys that came with invites, also with one that was taken while this worker runs. */
export async function readInvited(folder: string): Promise<readonly InvitedKeys[]> {
  return (await read(folder))?.invited ?? []
}

async function read(folder: string): Promise<Stored | null> {
  const path = join(folder, FILE)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  try {
    return z.decode(stored, JSON.parse(text))
  } catch (cause) {
    throw new AppError('internal', `${path} is damaged. Remove it to start as a new worker.`, { cause })
  }
}

async function create(folder: string): Promise<Stored> {
  const id = newWorkerId()
  const [seed, agreementSeed] = [newKey(), newKey()]
  const { publicKey: agreementKey } = await boxKeysFrom(agreementSeed)
  const statement = signStatement(seed, WORKER_LABEL, workerStatement, {
    v: 1,
    workerId: id,
    identityKey: publicKeyOf(seed),
    agreementKey,
    createdAt: Date.now(),
  })
  const made: Stored = { v: 1, workerId: id, seed, agreementSeed, statement, invited: [] }
  await write(folder, made)
  return made
}

async function write(folder: string, content: Stored): Promise<void> {
  const path = join(folder, FILE)
  const draft = `${path}.draft`
  const file = await open(draft, 'w', 0o600)
  await file.writeFile(JSON.stringify(z.encode(stored, content)))
  await file.sync()
  await file.close()
  await chmod(draft, 0o600)
  await rename(draft, path)
}

async function present({ workerId: id, seed, agreementSeed, statement }: Stored): Promise<Identity> {
  const { identityKey } = verifyWorkerStatement(statement)
  return {
    workerId: id,
    seed,
    statement,
    box: await boxKeysFrom(agreementSeed),
    publicKey: identityKey,
    fingerprint: fingerprint(identityKey, id).digits,
  }
}
