import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { describeLine } from './describe-line.ts'

const STOP_MS = 20_000
const HOOK = ['--import', './bin/run/end-with-parent.ts']

/** A program of Kith that this process looks after. */
export class Program {
  readonly name: string
  /** Settles with the exit code when the program has ended; a signal counts as 1. */
  readonly ended: Promise<number>
  readonly #child: ChildProcess
  readonly #waiting = new Set<(line: string) => void>()
  #isOver = false

  /**
   * @param onLine gets every line that is for people.
   * @param isFrugal holds little memory, for some more work (`bin/frugal`).
   */
  constructor(name: string, entry: string, env: NodeJS.ProcessEnv, onLine: (line: string) => void, isFrugal = false) {
    this.name = name
    const [command, ...flags] = isFrugal
      ? ['sh', 'bin/frugal']
      : [process.execPath, '--disable-warning=ExperimentalWarning']
    this.#child = spawn(command as string, [...flags, ...HOOK, entry], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C reaches every process of the terminal's group: in a group of its own, the worker can hand its job back
      // before its ffmpeg ends.
      detached: true,
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        for (const hear of this.#waiting) hear(line)
        const text = env.KITH_LOG ? line : describeLine(name, line)
        if (text !== null) onLine(text)
      })
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#isOver = true
        resolve(code ?? 1)
      })
    })
  }

  /** The first match from now on, or `null` when the program ends or `timeoutMs` passes without it. */
  async said(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray | null> {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray | null>()
    const hear = (line: string) => {
      const match = pattern.exec(line)
      if (match) resolve(match)
    }
    this.#waiting.add(hear)
    const timer = setTimeout(() => resolve(null), timeoutMs)
    this.ended.then(() => resolve(null))
    const match = await promise
    clearTimeout(timer)
    this.#waiting.delete(hear)
    return match
  }

  /** Asks it to end, insists after a while. */
  async stop(): Promise<number> {
    if (!this.#isOver) this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    const code = await this.ended
    clearTimeout(timer)
    return code
  }
}
