import { ConfigError } from './config.ts'
import { DatabaseError } from './db/database-error.ts'

/** Why the server does not start: one sentence for whoever runs it, and an exit code as in sysexits.h. */
export class StartError extends Error {
  readonly exitCode: number
  constructor(sentence: string, exitCode: number, options?: ErrorOptions) {
    super(sentence, options)
    this.name = 'StartError'
    this.exitCode = exitCode
  }
}

const EX_DATAERR = 65
const EX_UNAVAILABLE = 69
const EX_CANTCREAT = 73
const EX_CONFIG = 78

export function portError(error: unknown, host: string, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException
  const sentence = {
    EADDRINUSE: `Port ${port} is taken: stop what uses it, or choose another with KITH_PORT.`,
    EACCES: `Port ${port} is not allowed for this user: choose one above 1023 with KITH_PORT.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine: change KITH_HOST.`,
    ENOTFOUND: `${host} is not an address of this machine: change KITH_HOST.`,
  }[code ?? '']
  return sentence === undefined ? error : new StartError(sentence, EX_UNAVAILABLE, { cause: error })
}

export function folderError(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL') {
    return new StartError(`There is no room left for the data in ${folder}.`, EX_CANTCREAT, { cause: error })
  }
  if (code !== undefined && /^(E[A-Z]+|SQLITE_(CANTOPEN|READONLY|PERM|IOERR))$/.test(code)) {
    const sentence = `The data folder ${folder} cannot be written (${code}): change its rights, or choose another with KITH_DATA.`
    return new StartError(sentence, EX_CANTCREAT, { cause: error })
  }
  return error
}

/** The sentence and the exit code of whatever was thrown; `null` for what nobody expected. */
export function explain(error: unknown): { sentence: string; exitCode: number } | null {
  if (error instanceof StartError) return { sentence: error.message, exitCode: error.exitCode }
  if (error instanceof ConfigError) return { sentence: `${error.message}.`, exitCode: EX_CONFIG }
  if (error instanceof DatabaseError) return { sentence: error.message, exitCode: EX_DATAERR }
  return null
}
