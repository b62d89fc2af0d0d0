import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { createApp } from './app.ts'
import { createDiskBlobStore } from './blobs/disk.ts'
import { type Config, readConfig } from './config.ts'
import { prepareFolders } from './data-folder.ts'
import { openDatabase } from './db/open.ts'
import { type Deps, systemClock } from './deps.ts'
import { startGrantRelay } from './grants/relay.ts'
import { startHousekeeping } from './housekeeping.ts'
import { startPush } from './push/push.ts'
import { createEvents } from './realtime/events.ts'
import { attachSocket } from './realtime/socket.ts'
import { openSecrets } from './secrets.ts'
import { explain, folderError, portError } from './start-error.ts'
import { startMessage } from './start-message.ts'
import { startSweeper } from './sweeper/sweeper.ts'

/** A slow phone may take its time for one piece of an upload. */
const REQUEST_MS = 30 * 60_000

async function start(config: Config): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { program: 'server' }, timestamp: pino.stdTimeFunctions.isoTime })
  const { db, secrets, blobs } = await openData(config)
  const http = createServer({ requestTimeout: REQUEST_MS, keepAliveTimeout: 65_000 })
  const port = await listen(http, config).catch(async (error: unknown) => {
    await db.destroy()
    throw error
  })
  const stopping = new AbortController()
  const deps: Deps = {
    config: { ...config, origin: config.origin ?? `http://localhost:${port}` },
    db,
    blobs,
    clock: systemClock,
    random: (length) => new Uint8Array(randomBytes(length)),
    events: createEvents(),
    logger,
    secrets,
    stopping: stopping.signal,
  }
  http.on('request', createApp(deps).callback())
  const socket = attachSocket(http, deps)
  const relay = startGrantRelay(deps)
  const push = startPush(deps)
  const housekeeping = startHousekeeping(deps)
  const sweeper = startSweeper(deps)
  process.stdout.write(startMessage({ host: config.host, port, origin: deps.config.origin }))

  const stop = async () => {
    logger.info('stopping')
    stopping.abort()
    socket.close()
    await drain(http, config.drainMs)
    await relay.stop()
    await push.stop()
    await housekeeping.stop()
    await sweeper.stop()
    await db.destroy()
    logger.info('stopped')
  }
  onSignal(() => {
    stop().then(
      () => process.exit(0),
      (err) => {
        logger.fatal({ err }, 'did not stop cleanly')
        process.exit(1)
      },
    )
  })
}

async function openData(config: Config) {
  try {
    await prepareFolders(config.folders)
    const secrets = await openSecrets(config.folders.secrets)
    const blobs = createDiskBlobStore(config.folders.blobs)
    await blobs.checkWritable()
    return { secrets, blobs, db: await openDatabase(config.folders.database) }
  } catch (error) {
    throw folderError(error, config.folders.data)
  }
}

function listen(http: Server, { host, port }: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (error) => reject(portError(error, host, port)))
    http.listen(port, host, () => resolve((http.address() as AddressInfo).port))
  })
}

/** No new connections; what is under way may end, but not for ever. */
async function drain(http: Server, drainMs: number): Promise<void> {
  const closed = new Promise((resolve) => http.close(resolve))
  // A connection that goes idle after its last answer would otherwise be kept open for the next request.
  const idle = setInterval(() => http.closeIdleConnections(), 50)
  const late = setTimeout(() => http.closeAllConnections(), drainMs)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}

function onSignal(stop: () => void): void {
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Whoever presses Ctrl-C twice means it.
      if (isStopping) process.exit(130)
      isStopping = true
      stop()
    })
  }
}

try {
  await start(readConfig(process.env))
} catch (error) {
  const known = explain(error)
  process.stderr.write(known ? `${known.sentence}\n` : `Kith could not start: ${(error as Error)?.stack ?? error}\n`)
  process.exit(known?.exitCode ?? 1)
}
