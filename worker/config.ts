import { resolve } from 'node:path'
import type { Thresholds } from './resources.ts'

/** Everything the worker may be told from outside; see the table in README.md. */
export type Config = {
  /** Address of the server, without a path. */
  readonly server: string
  /** Where the identity lies; nothing else is kept. */
  readonly folder: string
  /** The instance's worker token: who can read it may make a worker known. `null`: joined by invite. */
  readonly tokenFile: string | null
  readonly thresholds: Thresholds
  readonly ffmpeg: string
  readonly ffprobe: string
  /** An ffmpeg that makes no progress for this long is ended. */
  readonly stallMs: number
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
}

/** Junk in a variable; the message names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const MB = 1_000_000

/** Pure. @throws {ConfigError} */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
  const logLevel = levels.find((level) => level === (env.KITH_LOG || 'info'))
  if (!logLevel) throw new ConfigError(`KITH_LOG must be one of: ${levels.join(', ')}`)
  return {
    server: parseServer(env.KITH_SERVER || 'http://localhost:8420', 'KITH_SERVER'),
    folder: resolve(env.KITH_WORKER_DATA || `${env.KITH_DATA || './data'}/worker`),
    tokenFile: env.KITH_WORKER_TOKEN_FILE || null,
    thresholds: {
      minMemoryBytes: number(env, 'KITH_WORKER_MIN_MEMORY_MB', 600) * MB,
      maxMemoryPercent: number(env, 'KITH_WORKER_MAX_MEMORY_PERCENT', 72),
      maxSwapBytes: number(env, 'KITH_WORKER_MAX_SWAP_MB', 200) * MB,
      maxLoad: number(env, 'KITH_WORKER_MAX_LOAD', 2),
      minDiskBytes: number(env, 'KITH_WORKER_MIN_DISK_MB', 200) * MB,
    },
    ffmpeg: env.KITH_FFMPEG || 'ffmpeg',
    ffprobe: env.KITH_FFPROBE || 'ffprobe',
    stallMs: number(env, 'KITH_WORKER_STALL_SECONDS', 60) * 1000,
    logLevel,
  }
}

/** @throws {ConfigError} */
export function parseServer(text: string, name: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol))
    throw new ConfigError(`${name} must be an address such as https://kith.example.org`)
  return url.origin
}

function number(env: Readonly<Record<string, string | undefined>>, name: string, fallback: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!(value >= 0) || !Number.isFinite(value)) throw new ConfigError(`${name} must be a number from 0 on`)
  return value
}
