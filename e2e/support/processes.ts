import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const PROJECT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** What programs get of this process's environment: no setting of Kith's own. With compiled code at hand, a start takes a third. */
const INHERITED = Object.fromEntries(
  ['PATH', 'HOME', 'NODE_COMPILE_CACHE'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

/** A program of Kith as a real process; everything it says goes to `logFile`, where the blindness check reads it. */
export class Program {
  readonly name: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #waiting = new Set<() => void>()
  readonly exited: Promise<number | NodeJS.Signals>

  /** @param isFrugal started by `bin/frugal`, as `npm start` and `npm run worker` start the worker. */
  constructor(
    name: string,
    entry: string,
    args: string[],
    env: Record<string, string>,
    logFile: string,
    isFrugal = false,
  ) {
    this.name = name
    const log = createWriteStream(logFile, { flags: 'a' })
    const [command = '', ...before] = isFrugal ? ['sh', 'bin/frugal'] : [process.execPath]
    this.#child = spawn(command, [...before, join(PROJECT, entry), ...args], {
      cwd: PROJECT,
      env: { ...INHERITED, TZ: 'UTC', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${line}\n`)
        this.#lines.push(line)
        for (const wake of this.#waiting) wake()
      })
    }
    this.exited = new Promise((resolve) =>
      this.#child.once('exit', (code, signal) => {
        resolve(code ?? signal ?? 0)
        log.end()
        for (const wake of this.#waiting) wake()
      }),
    )
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get output(): string {
    return this.#lines.join('\n')
  }

  /** The first line from line number `from` on that matches. @throws when the program ends before it says so. */
  async said(pattern: RegExp, from = 0): Promise<string> {
    for (;;) {
      const line = this.#lines.slice(from).find((text) => pattern.test(text))
      if (line !== undefined) return line
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(
          `${this.name} ended (${this.#child.exitCode ?? this.#child.signalCode}) without ${pattern}:\n${this.output}`,
        )
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.#child.kill(signal)
    return this.exited
  }
}
