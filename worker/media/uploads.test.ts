import { expect, it } from 'vitest'
import { createUploads } from './uploads.ts'

const OPTIONS = { parallel: 2, maxBytes: 100 }
const bytes = (length: number) => new Uint8Array(length)

/** A network that takes an object when it is told to. */
function slowNetwork() {
  const underWay = new Map<string, { resolve: () => void; reject: (error: Error) => void }>()
  const put = (name: string) =>
    new Promise<void>((resolve, reject) => {
      underWay.set(name, { resolve, reject })
    }).finally(() => underWay.delete(name))
  return { underWay, put }
}
const settle = () => new Promise((resolve) => setImmediate(resolve))

it('holds no more than it may: whoever makes more waits until the network has taken some', async () => {
  const { underWay, put } = slowNetwork()
  const uploads = createUploads(put, OPTIONS)
  const taken: number[] = []
  const making = (async () => {
    for (let i = 0; i < 20; i++) {
      await uploads.publish(String(i), bytes(40))
      taken.push(i)
    }
  })()
  await settle()
  // The third is held, and brings what makes it to a stop.
  expect(taken).toEqual([0, 1])
  expect([...underWay.keys()]).toEqual(['0', '1'])
  for (let sent = 0; sent < 20; sent++) {
    underWay.get(String(sent))?.resolve()
    await settle()
    const held = Math.min(20, taken.length + 1) - (sent + 1)
    expect(held * 40).toBeLessThanOrEqual(OPTIONS.maxBytes + 40)
    expect(underWay.size).toBeLessThanOrEqual(OPTIONS.parallel)
  }
  await making
  await uploads.flush()
  expect(underWay.size).toBe(0)
})

it('lets one through that is larger than all that it may hold', async () => {
  const { underWay, put } = slowNetwork()
  const uploads = createUploads(put, OPTIONS)
  const large = uploads.publish('large', bytes(1000))
  await settle()
  underWay.get('large')?.resolve()
  await large
  await uploads.flush()
})

it('fails everything that follows one that failed, and sends no more of it', async () => {
  const { underWay, put } = slowNetwork()
  const uploads = createUploads(put, OPTIONS)
  const all = ['a', 'b', 'c', 'd'].map((name) => uploads.publish(name, bytes(60)))
  const over = Promise.allSettled(all)
  underWay.get('a')?.reject(new Error('the server has no room'))
  await settle()
  underWay.get('b')?.resolve()
  await settle()
  expect(underWay.size).toBe(0)
  expect((await over).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected'])
  await expect(uploads.flush()).rejects.toThrow('no room')
  await expect(uploads.publish('e', bytes(1))).rejects.toThrow('no room')
})
