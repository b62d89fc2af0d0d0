import { join, resolve } from 'node:path'

/** Everything the server may be told from outside; see the table in README.md. */
export interface Config {
  readonly host: string
  readonly port: number
  /** What browsers call this server; `null`: `http://localhost:<port>`, known once it listens. */
  readonly origin: string | null
  /** Believe X-Forwarded-* of a proxy in front. */
  readonly trustProxy: boolean
  readonly signup: 'invite' | 'open'
  readonly logLevel: LogLevel
  readonly folders: Folders
  /** Where the built client lies. */
  readonly clientFolder: string
  readonly putMaxBytes: number
  readonly objectMaxBytes: number
  /** All objects together; `null`: as much as the disk holds. */
  readonly storageMaxBytes: number | null
  /** After this an upload that nobody goes on with is dropped. */
  readonly uploadExpiryMs: number
  /** A worker that is silent for this long loses its job. */
  readonly leaseMs: number
  readonly sessionIdleMs: number
  readonly sessionMaxMs: number
  readonly workerTokenMs: number
  /** How long SIGTERM waits for requests under way. */
  readonly drainMs: number
  /** `host:port` of push services in a private network that may be used all the same. */
  readonly pushPrivateHosts: readonly string[]
  /** Multiplies every rate limit; tests that come from one address raise it. */
  readonly rateScale: number
}
export interface Folders {
  readonly data: string
  readonly database: string
  readonly blobs: string
  readonly uploads: string
  readonly secrets: string
}
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
type LogLevel = (typeof LOG_LEVELS)[number]

/** Junk in a variable; the message names it and what it may be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const DAY_MS = 24 * 3600_000
const MIB = 2 ** 20

/** Pure. @throws {ConfigError} on the first variable that makes no sense. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  return {
    host: env.KITH_HOST || '127.0.0.1',
    port: integer(env, 'KITH_PORT', 8420, 0, 65_535),
    origin: origin(env),
    trustProxy: flag(env, 'KITH_TRUST_PROXY'),
    signup: oneOf(env, 'KITH_SIGNUP', ['invite', 'open'], 'invite'),
    logLevel: oneOf(env, 'KITH_LOG', LOG_LEVELS, 'info'),
    folders: foldersIn(env.KITH_DATA || './data'),
    clientFolder: resolve(env.KITH_CLIENT || './dist/client'),
    putMaxBytes: integer(env, 'KITH_MAX_PUT_BYTES', 32 * MIB, MIB, 1024 * MIB),
    objectMaxBytes: integer(env, 'KITH_MAX_OBJECT_BYTES', 65_536 * MIB, MIB, Number.MAX_SAFE_INTEGER),
    storageMaxBytes: integer(env, 'KITH_MAX_STORAGE_BYTES', 0, 0, Number.MAX_SAFE_INTEGER) || null,
    uploadExpiryMs: integer(env, 'KITH_UPLOAD_DAYS', 7, 1, 365) * DAY_MS,
    leaseMs: integer(env, 'KITH_LEASE_SECONDS', 60, 1, 3600) * 1000,
    sessionIdleMs: integer(env, 'KITH_SESSION_IDLE_DAYS', 30, 1, 3650) * DAY_MS,
    sessionMaxMs: integer(env, 'KITH_SESSION_MAX_DAYS', 90, 1, 3650) * DAY_MS,
    workerTokenMs: DAY_MS,
    drainMs: integer(env, 'KITH_DRAIN_SECONDS', 10, 0, 600) * 1000,
    pushPrivateHosts: hosts(env, 'KITH_PUSH_PRIVATE_HOSTS'),
    rateScale: integer(env, 'KITH_RATE_SCALE', 1, 1, 1_000_000),
  }
}

export function foldersIn(folder: string): Folders {
  const data = resolve(folder)
  return {
    data,
    database: join(data, 'kith.sqlite'),
    blobs: join(data, 'blobs'),
    uploads: join(data, 'uploads'),
    secrets: join(data, 'secrets'),
  }
}

type Env = Parameters<typeof readConfig>[0]

function integer(env: Env, name: string, fallback: number, min: number, max: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) throw new ConfigError(`${name} must be a whole number from ${min} to ${max}`)
  return value
}

function flag(env: Env, name: string): boolean {
  return oneOf(env, name, ['0', '1'], '0') === '1'
}

function oneOf<T extends string>(env: Env, name: string, choices: readonly T[], fallback: T): T {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const found = choices.find((choice) => choice === text)
  if (found === undefined) throw new ConfigError(`${name} must be one of: ${choices.join(', ')}`)
  return found
}

function hosts(env: Env, name: string): string[] {
  const found = (env[name] ?? '').split(',').filter((part) => part !== '')
  if (found.some((part) => !/^([a-z0-9.-]+|\[[0-9a-f:]+\]):\d{1,5}$/.test(part))) {
    throw new ConfigError(`${name} must be a list such as push.example.org:8443,10.0.0.7:443`)
  }
  return found
}

function origin(env: Env): string | null {
  const text = env.KITH_ORIGIN
  if (text === undefined || text === '') return null
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== text.replace(/\/$/, '')) {
    throw new ConfigError('KITH_ORIGIN must be an origin such as https://kith.example.org, without a path')
  }
  return url.origin
}
