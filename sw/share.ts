import { sealingShareKey } from '../shared/crypto/share.ts'
import { openDevice } from '../shared/device/db.ts'
import { listShares, removeShare, SHARE_PIECE_BYTES, sharePiecesOf, writeShare } from '../shared/device/shares.ts'
import { AppError, isAppError } from '../shared/errors.ts'

const MAX_FILES = 30
/** What waits at most; the oldest makes room: nothing that fills the list may keep out what is shared now. */
const MAX_WAITING = 10
const MAX_BYTES = 4 * 2 ** 30
/** Left free, so that Kith itself can go on writing. */
const SPARE_BYTES = 64 * 2 ** 20

/**
 * The system's share sheet hands something to Kith: sealed at once to the device's share key, which also works while
 * Kith is locked; what becomes of it the person says on the page. Nothing of it goes to the server.
 */
export async function takeShare(request: Request): Promise<Response> {
  let path = '/share'
  try {
    await keep(await request.formData())
  } catch (error) {
    path += `?problem=${isAppError(error) ? error.code : 'share/too-large'}`
  }
  return Response.redirect(path, 303)
}

async function keep(form: FormData): Promise<void> {
  const publicKey = await (await openDevice()).get('shareKey', 'current')
  if (!publicKey) throw new AppError('share/nobody', 'nobody is signed in on this device')
  const files = form.getAll('files').filter((value) => value instanceof File)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  // Where nobody says how much room there is, the storage itself refuses.
  const { quota = Number.POSITIVE_INFINITY, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {}
  const isTooMuch = files.length > MAX_FILES || total > Math.min(MAX_BYTES, quota - usage - SPARE_BYTES)
  if (isTooMuch) throw new AppError('share/too-large', 'more than fits')
  const text = ['title', 'text', 'url'].flatMap((name) => String(form.get(name) ?? '').trim() || []).join('\n')
  if (text === '' && files.length === 0) return
  const { ephemeral, key } = await sealingShareKey(publicKey).catch((cause) => {
    throw new AppError('share/unsupported', 'no X25519 here', { cause })
  })
  await writeShare({ id: crypto.randomUUID(), createdAt: Date.now(), ephemeral }, key, text, files)
  await makeRoom()
}

async function makeRoom(): Promise<void> {
  const db = await openDevice()
  let bytes = 0
  for (const [at, { id }] of (await listShares()).reverse().entries()) {
    bytes += SHARE_PIECE_BYTES * (await db.count('sharePieces', sharePiecesOf(id)))
    if (at >= MAX_WAITING || (at > 0 && bytes > MAX_BYTES)) await removeShare(id)
  }
}
