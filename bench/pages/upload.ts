/// <reference lib="webworker" />
import { Upload } from 'tus-js-client'
import { Engine } from '../../client/upload/engine/engine.ts'
import { openOpfsSpool } from '../../client/upload/engine/spool-opfs.ts'
import { keepUploadsKey, sealUpload, type UploadSecret } from '../../client/upload/record.ts'
import { newGroupId, newKey, newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import { openDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'

/** In a Web Worker: sends a file as Kith does, or as it is; answers with the seconds that took. */
self.addEventListener('message', async ({ data }: MessageEvent<{ kind: 'sealed' | 'plain'; file: File }>) => {
  const started = performance.now()
  await (data.kind === 'sealed' ? sendSealed(data.file) : sendPlain(data.file))
  self.postMessage((performance.now() - started) / 1000)
})

async function sendSealed(file: File): Promise<void> {
  await createKey('device')
  await keepUploadsKey(newKey())
  const [mediaId, groupId] = [newMediaId(), newGroupId()]
  const wrapped = { epoch: 1, wrappedContent: randomBytes(60), wrappedCard: randomBytes(60) }
  const secret: UploadSecret = {
    contentKey: newKey(),
    cardKey: newKey(),
    salt: randomBytes(16),
    fileName: file.name,
    sizeBytes: file.size,
    media: { mediaId, groupId, ...wrapped, card: { revision: 1, sealed: randomBytes(200) } },
  }
  const db = await openDevice()
  const sealed = await sealUpload(mediaId, secret)
  const fresh = { sealedPieces: 0, isSpooled: false, sentBytes: 0, uploadUrl: null, problem: null }
  await db.put('uploads', { mediaId, groupId, createdAt: Date.now(), sealed, step: 'original', ...fresh }, mediaId)
  const spool = await openOpfsSpool()
  if (!spool) throw new Error('no private file system')
  await new Promise<void>((resolve, reject) => {
    const engine = new Engine(spool, ({ phase, code }) => {
      if (phase === 'done') resolve()
      if (phase === 'stopped') reject(new Error(code ?? 'stopped'))
    })
    engine.give(mediaId, file)
  })
}

function sendPlain(file: File): Promise<void> {
  return new Promise((resolve, reject) => {
    const upload = new Upload(file, {
      endpoint: '/api/uploads',
      chunkSize: 16 * 2 ** 20,
      retryDelays: null,
      storeFingerprintForResuming: false,
      headers: { 'x-kith': '1' },
      onSuccess: () => resolve(),
      onError: reject,
    })
    upload.start()
  })
}
