import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { isAppError } from '../shared/errors.ts'
import { registerWorker } from '../shared/wire/workers.ts'
import { Api, isPassing } from './api.ts'
import { claimLoop } from './claim-loop.ts'
import { type Config, ConfigError, parseServer, readConfig } from './config.ts'
import { findTools } from './ffmpeg/tools.ts'
import { holdFolder } from './folder-hold.ts'
import { type Identity, openIdentity, readInvited } from './identity.ts'
import { sleep } from './job.ts'
import { joinByInvite } from './join.ts'
import { createLoopback } from './loopback.ts'
import { Pins } from './pins.ts'
import { readResources } from './resources.ts'

/** The one before may still be giving its job back. */
const ENDING_MS = 5000
const USAGE = `Usage: npm run worker -- [join <invite link or eight words>] [--server https://…]\n`

async function start(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { server: { type: 'string' } } })
  const given = readConfig(process.env)
  const named = values.server === undefined ? null : parseServer(values.server, '--server')
  let config: Config = { ...given, server: named ?? given.server }
  if (positionals.length > 0) {
    const [command, ...invite] = positionals
    if (command !== 'join' || invite.length === 0) throw new ConfigError(USAGE)
    config = { ...config, server: await joinByInvite(config.folder, invite.join(' '), named) }
    process.stdout.write(`Joined ${config.server}\n`)
  }
  const identity = await openIdentity(config.folder)
  const hasJoined = positionals.length > 0
  const hold = await holdFolder(config.folder, config.server, hasJoined ? 0 : ENDING_MS)
  if ('release' in hold) {
    await work(config, identity)
    return hold.release()
  }
  if (!hasJoined) throw new ConfigError(`A worker runs in ${config.folder} already. Stop it first.`)
  // The one that runs finds the keys of what was joined when it needs them; its server may have two addresses.
  process.stdout.write(
    `The worker that runs in this folder, for ${hold.heldFor || 'its server'}, goes on with it.\n` +
      'Where that is another server, give each a folder of its own: KITH_WORKER_DATA.\n',
  )
}

async function work(config: Config, identity: Identity): Promise<void> {
  const logger = pino(
    { level: config.logLevel, base: { program: 'worker' }, timestamp: pino.stdTimeFunctions.isoTime },
    // What is still to be written when the process ends would be tried for ever where whoever read it was killed.
    pino.destination({ sync: true }),
  )
  const tools = await findTools(config.ffmpeg, config.ffprobe)
  process.stdout.write(`Worker ${identity.fingerprint}\n`)
  const stopping = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => (stopping.signal.aborted ? process.exit(130) : stopping.abort()))
  }
  const api = new Api(config.server, identity)
  await makeKnown(config, api, identity, stopping.signal)
  const loopback = await createLoopback()
  const ports = {
    api,
    identity,
    pins: new Pins(config.folder),
    invited: () => readInvited(config.folder),
    loopback,
    tools,
    stallMs: config.stallMs,
    stopping: stopping.signal,
    log: (event: string, details?: Record<string, unknown>) => logger.info(details ?? {}, event),
  }
  logger.info({ server: config.server }, 'ready')
  await claimLoop(ports, { thresholds: config.thresholds, read: () => readResources(config.folder) })
  await loopback.close()
  logger.info('stopped')
}

/** Shows the server who we are; waits for it as long as it takes. */
async function makeKnown(config: Config, api: Api, identity: Identity, stopping: AbortSignal): Promise<void> {
  if (config.tokenFile === null) return
  while (!stopping.aborted) {
    try {
      const token = (await readFile(config.tokenFile, 'utf8')).trim()
      return await api.callAnonymously(registerWorker, { statement: identity.statement, token, invite: null })
    } catch (error) {
      if (!isPassing(error)) throw error
      await sleep(1000, stopping)
    }
  }
}

try {
  await start()
  process.exit(0)
} catch (error) {
  const isKnown = isAppError(error) || error instanceof ConfigError
  process.stderr.write(`${isKnown ? error.message : ((error as Error)?.stack ?? String(error))}\n`)
  process.exit(1)
}
