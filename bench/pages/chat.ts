import { sealChain } from '../../client/chat/sealing.ts'
import { ModelDevice, ModelServer, modelPerson, newConnectionId } from '../../client/testing/chat-world.ts'
import { newDeviceId } from '../../shared/crypto/random.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { ZERO_HASH } from '../../shared/logs/signed.ts'

const SCREEN = 50
const AT_ONCE = 500

/** Two people, and everything that one of them wrote; no network in between, so that what is measured is the device. */
async function written(count: number): Promise<{ device: ModelDevice; id: ConnectionId }> {
  const server = new ModelServer()
  const id = newConnectionId()
  const [anna, ben] = [modelPerson('anna'), modelPerson('ben')]
  const [messageSecret] = server.epochs
  const { userId: senderId, identitySeed } = ben.secrets
  const deviceId = newDeviceId()
  if (!messageSecret) throw new Error('no epoch')
  for (let done = 0, prev = ZERO_HASH; done < count; done += AT_ONCE) {
    const messages = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => {
      const counter = done + index + 1
      const body = JSON.stringify({ text: `Message ${counter}: as long as people write on a phone`, sentAt: counter })
      const place = { connectionId: id, epoch: 0, senderId, deviceId, counter, lamport: counter }
      return { ...place, prev, ack: ZERO_HASH, type: 'text' as const, body, messageSecret, identitySeed }
    })
    const sealed = await sealChain(messages)
    for (const { bytes } of sealed) server.send(senderId, bytes, null)
    prev = sealed.at(-1)?.hash ?? prev
  }
  const device = new ModelDevice(server, id, anna, ben)
  await device.start()
  return { device, id }
}

/** What the bench calls in the page. */
const chat = {
  /** Seconds to take `count` messages, and then, in a program that has just started, until the newest are painted. */
  async open(count: number): Promise<{ takeSeconds: number; openSeconds: number; heapMiB: number }> {
    const { device, id } = await written(count)
    const from = performance.now()
    await device.chat.catchUp()
    const takeSeconds = (performance.now() - from) / 1000
    await device.restart()
    const before = heapBytes()
    const opened = performance.now()
    const thread = await device.chat.open(id)
    const messages = await thread.read(thread.total.value - SCREEN, thread.total.value)
    if (messages.length !== SCREEN) throw new Error(`${messages.length} messages are shown`)
    document.body.replaceChildren(
      ...messages.map(({ content }) => {
        const line = document.createElement('p')
        line.textContent = content.type === 'text' ? content.text : content.type
        return line
      }),
    )
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    const openSeconds = (performance.now() - opened) / 1000
    const heapMiB = Math.max(0, heapBytes() - before) / 2 ** 20
    await device.crash()
    return { takeSeconds, openSeconds, heapMiB }
  },

  /** Seconds until `conversations` of `each` messages are taken and listed, one after the other. */
  async catchUp(conversations: number, each: number): Promise<number> {
    const all = []
    for (let index = 0; index < conversations; index++) all.push(await written(each))
    const from = performance.now()
    for (const { device } of all) {
      await device.chat.catchUp()
      await device.chat.settled()
    }
    const seconds = (performance.now() - from) / 1000
    for (const { device } of all) await device.crash()
    return seconds
  },
}
export type BenchChat = typeof chat
Object.assign(window, { chat })

function heapBytes(): number {
  return (performance as Performance & { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize ?? 0
}
