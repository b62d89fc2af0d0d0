import { Engine } from '../upload/engine/engine.ts'
import { openIdbSpool } from '../upload/engine/spool-idb.ts'
import { openOpfsSpool } from '../upload/engine/spool-opfs.ts'
import { UPLOADS_CHANNEL, type UploadCommand } from '../upload/messages.ts'

/** Seals and sends away from the page: bytes of files never pass through its memory. */
const channel = new BroadcastChannel(UPLOADS_CHANNEL)
const engine = (async () => new Engine((await openOpfsSpool()) ?? (await openIdbSpool()), tell))()

function tell(progress: unknown): void {
  channel.postMessage(progress)
  self.postMessage(progress)
}

self.addEventListener('offline', async () => (await engine).keepAll())

self.addEventListener('message', async ({ data }: MessageEvent<UploadCommand>) => {
  const target = await engine
  if (data.type === 'file') target.give(data.mediaId, data.file)
  if (data.type === 'work') void target.work()
  if (data.type === 'cancel') void target.cancel(data.mediaId)
})
