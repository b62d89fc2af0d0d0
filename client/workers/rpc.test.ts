import { afterEach, describe, expect, it, vi } from 'vitest'
import { AppError } from '../../shared/errors.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { type Channel, remote, serve } from './rpc.ts'

const offer = {
  double: async (value: number) => value * 2,
  refuse: () => {
    throw new AppError('box/tampered', 'no')
  },
  stumble: () => {
    throw new TypeError('secret detail')
  },
  sleep: () => new Promise<void>(() => undefined),
}

/** Both ends of a channel, as `Worker` and its scope are. */
function channels(): { page: Channel; worker: Channel; breakDown(): void } {
  const [page, worker] = [new EventTarget(), new EventTarget()]
  const end = (own: EventTarget, other: EventTarget): Channel => ({
    addEventListener: (type: string, listener: (event: MessageEvent) => void) =>
      own.addEventListener(type, listener as (event: Event) => void),
    postMessage: (data: unknown) =>
      queueMicrotask(() => other.dispatchEvent(Object.assign(new Event('message'), { data: structuredClone(data) }))),
  })
  return {
    page: end(page, worker),
    worker: end(worker, page),
    breakDown: () => void page.dispatchEvent(new Event('error')),
  }
}

afterEach(() => vi.useRealTimers())

describe('calls to a Web Worker', () => {
  it('give the result, each call its own', async () => {
    const { page, worker } = channels()
    serve(offer, worker)
    const calls = remote<typeof offer>(page, 1000)
    expect(await Promise.all([calls.double(2), calls.double(3)])).toEqual([4, 6])
  })

  it('keep the code of an error, and make anything else `internal`', async () => {
    const { page, worker } = channels()
    serve(offer, worker)
    const calls = remote<typeof offer>(page, 1000)
    expect(await codeOf(() => calls.refuse())).toBe('box/tampered')
    expect(await codeOf(() => calls.stumble())).toBe('internal')
  })

  it('end after the time that they have', async () => {
    vi.useFakeTimers()
    const { page, worker } = channels()
    serve(offer, worker)
    const code = codeOf(() => remote<typeof offer>(page, 1000).sleep())
    await vi.advanceTimersByTimeAsync(1001)
    expect(await code).toBe('internal')
  })

  it('end when the worker breaks down, and say so', async () => {
    const { page, worker, breakDown } = channels()
    serve(offer, worker)
    const onBroken = vi.fn()
    const code = codeOf(() => remote<typeof offer>(page, 60_000, onBroken).sleep())
    breakDown()
    expect(await code).toBe('internal')
    expect(onBroken).toHaveBeenCalledOnce()
  })

  it.each(['constructor', 'toString', '__proto__', 'other'])('reach nothing that is not offered: %s', async (name) => {
    vi.useFakeTimers()
    const { page, worker } = channels()
    serve(offer, worker)
    const calls = remote<Record<string, () => unknown>>(page, 1000)
    const code = codeOf(() => calls[name]?.())
    await vi.advanceTimersByTimeAsync(1001)
    expect(await code).toBe('internal')
  })
})
