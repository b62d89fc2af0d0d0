import { afterEach, beforeEach, expect, it, vi } from 'vitest'

class FakeWorker extends EventTarget {
  static begun: FakeWorker[] = []
  constructor() {
    super()
    FakeWorker.begun.push(this)
  }
}

beforeEach(() => {
  FakeWorker.begun = []
  vi.stubGlobal('Worker', FakeWorker)
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

it('is begun once, and belongs to whoever takes it first', async () => {
  const { takeCryptoWorker, wakeCryptoWorker } = await import('./crypto-worker.ts')
  wakeCryptoWorker()
  expect(FakeWorker.begun).toHaveLength(1)
  expect(takeCryptoWorker()).toBe(FakeWorker.begun[0])
  // After it broke down, say.
  expect(takeCryptoWorker()).toBe(FakeWorker.begun[1])
})

it('is begun anew where the first one could not be loaded', async () => {
  const { takeCryptoWorker, wakeCryptoWorker } = await import('./crypto-worker.ts')
  wakeCryptoWorker()
  FakeWorker.begun[0]?.dispatchEvent(new Event('error'))
  expect(takeCryptoWorker()).toBe(FakeWorker.begun[1])
})

it('that was taken is not given up by what is wrong with it later', async () => {
  const { takeCryptoWorker, wakeCryptoWorker } = await import('./crypto-worker.ts')
  wakeCryptoWorker()
  takeCryptoWorker()
  wakeCryptoWorker()
  FakeWorker.begun[0]?.dispatchEvent(new Event('error'))
  expect(takeCryptoWorker()).toBe(FakeWorker.begun[1])
})
