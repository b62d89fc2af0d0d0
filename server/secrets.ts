import { createHmac, randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as opaque from '@serenity-kit/opaque'
import webPush from 'web-push'
import { toBase64Url } from '../shared/format/base64url.ts'

/** What must outlive every restart and never lies in the database or its backups. */
export interface Secrets {
  /** OPRF seed and static key of OPAQUE. */
  readonly opaqueSetup: string
  /** Keys the credential identifiers (docs/protocol.md §3). */
  readonly credentialKey: Uint8Array
  /** Lets a worker on this machine register itself. */
  readonly workerToken: string
  /** The server's key pair for Web Push (RFC 8292), base64url: a new one would end every subscription. */
  readonly vapid: { readonly publicKey: string; readonly privateKey: string }
}

/** Reads the secrets in `folder`, making what is missing. Files are readable by their owner only. */
export async function openSecrets(folder: string): Promise<Secrets> {
  await opaque.ready
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const [opaqueSetup, credentialKey, workerToken, vapidKeys] = await Promise.all([
    readOrCreate(join(folder, 'opaque-setup'), () => opaque.server.createSetup()),
    readOrCreate(join(folder, 'credential-key'), () => toBase64Url(randomBytes(32))),
    readOrCreate(join(folder, 'worker-token'), () => toBase64Url(randomBytes(32))),
    readOrCreate(join(folder, 'vapid-keys'), createVapidKeys),
  ])
  const [publicKey = '', privateKey = ''] = vapidKeys.split('.')
  return {
    opaqueSetup,
    credentialKey: Buffer.from(credentialKey, 'base64url'),
    workerToken,
    vapid: { publicKey, privateKey },
  }
}

/** docs/protocol.md §3: what OPAQUE knows a user name's slot by. */
export function credentialIdentifier(secrets: Secrets, username: string, slot: 0 | 1): string {
  return createHmac('sha256', secrets.credentialKey).update(`${username}#${slot}`).digest('base64url')
}

function createVapidKeys(): string {
  const { publicKey, privateKey } = webPush.generateVAPIDKeys()
  return `${publicKey}.${privateKey}`
}

async function readOrCreate(path: string, create: () => string): Promise<string> {
  const found = await read(path)
  if (found !== undefined) return found
  const fresh = `${path}.${toBase64Url(randomBytes(6))}`
  const file = await open(fresh, 'wx', 0o600)
  try {
    await file.writeFile(`${create()}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  // `link` never replaces: of two first starts at once, both go on with the same secret.
  await link(fresh, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await rm(fresh)
  const folder = await open(join(path, '..'))
  await folder.sync().finally(() => folder.close())
  const kept = await read(path)
  if (kept === undefined) throw new Error(`${path} was not kept`)
  return kept
}

async function read(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim() || undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
