import { AppError, ERROR_CODES, type ErrorCode } from '../../shared/errors.ts'

/** Functions that a Web Worker offers: arguments and results are what `postMessage` copies. */
export type Offer = Record<string, (...args: never[]) => unknown>
export type Remote<T extends Offer> = {
  [Name in keyof T]: (...args: Parameters<T[Name]>) => Promise<Awaited<ReturnType<T[Name]>>>
}

type Call = { readonly id: number; readonly name: string; readonly args: unknown[] }
type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly code: ErrorCode; readonly message: string }

/** What both ends of a channel have in common: a `Worker` on one side, its own global scope on the other. */
export type Channel = {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  addEventListener(type: 'error', listener: () => void): void
}

/** Worker's side: answers calls of the functions in `offer`, and of nothing else. */
export function serve(offer: Offer, channel: Channel): void {
  channel.addEventListener('message', async ({ data }: MessageEvent<Call>) => {
    const run = Object.hasOwn(offer, data.name) ? offer[data.name] : undefined
    if (!run) return
    try {
      channel.postMessage({ id: data.id, value: await run(...(data.args as never[])) } satisfies Answer)
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'internal'
      const message = error instanceof Error ? error.message : String(error)
      channel.postMessage({ id: data.id, code, message } satisfies Answer)
    }
  })
}

/**
 * Page's side. Each call ends: with the result, the worker's error, or `internal` after `timeoutMs` or when the worker
 * could not be loaded or broke down; then `onBroken` says that a new one is needed.
 */
export function remote<T extends Offer>(channel: Channel, timeoutMs: number, onBroken = () => {}): Remote<T> {
  let next = 0
  const waiting = new Map<number, (answer: Answer) => void>()
  channel.addEventListener('message', ({ data }: MessageEvent<Answer>) => waiting.get(data.id)?.(data))
  channel.addEventListener('error', () => {
    onBroken()
    for (const [id, settle] of waiting) settle({ id, code: 'internal', message: 'the worker broke down' })
  })
  const call = (name: string, args: unknown[]) =>
    new Promise((resolve, reject) => {
      const id = next++
      const settle = (answer: Answer) => {
        clearTimeout(timer)
        waiting.delete(id)
        if ('value' in answer) return resolve(answer.value)
        const code = ERROR_CODES.includes(answer.code) ? answer.code : 'internal'
        reject(new AppError(code, answer.message))
      }
      const timer = setTimeout(() => settle({ id, code: 'internal', message: `${name} took too long` }), timeoutMs)
      waiting.set(id, settle)
      channel.postMessage({ id, name, args } satisfies Call)
    })
  return new Proxy({} as Remote<T>, {
    get: (_, name) => (typeof name === 'string' ? (...args: unknown[]) => call(name, args) : undefined),
  })
}
