import { openChecked, sealChain } from '../../client/chat/sealing.ts'
import type { ToSeal } from '../../shared/crypto/message-steps.ts'
import { newConnectionId, newDeviceId, newKey, newUserId } from '../../shared/crypto/random.ts'
import { publicKeyOf } from '../../shared/crypto/signing.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { ZERO_HASH } from '../../shared/logs/signed.ts'
import { type Bench, figure, median } from '../figure.ts'

/** As the inbox hands them to its Web Worker. */
const BATCH = 64
const BATCHES = 24
const ROUNDS = 7

/** Text messages by the very functions of the crypto Web Worker, on one core: signed, sealed, verified, opened, checked. */
export const bench: Bench = {
  name: 'message',
  async run(log) {
    const identitySeed = newKey()
    const message: ToSeal = {
      messageSecret: newKey(),
      identitySeed,
      connectionId: newConnectionId(),
      senderId: newUserId(),
      deviceId: newDeviceId(),
      epoch: 1,
      counter: 0,
      lamport: 0,
      prev: ZERO_HASH,
      ack: ZERO_HASH,
      type: 'text',
      body: JSON.stringify({ text: 'See you at seven, in the garden. Bring the children!', sentAt: 1_700_000_000_000 }),
    }
    const batches = Array.from({ length: BATCHES }, (_, batch) =>
      Array.from({ length: BATCH }, (_, at) => ({ ...message, counter: batch * BATCH + at + 1, lamport: at })),
    )
    const { connectionId, messageSecret } = message
    const to = { connectionId, messageSecret, identityKey: publicKeyOf(identitySeed) }
    const rate = (seconds: number) => (BATCH * BATCHES) / seconds
    const rates: { seal: number; open: number }[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      const sealed: Bytes[][] = []
      const seal = await timed(async () => {
        for (const batch of batches) sealed.push((await sealChain(batch)).map(({ bytes }) => bytes))
      })
      const open = await timed(async () => {
        for (const batch of sealed) {
          const opened = await openChecked(batch.map((one) => ({ ...to, sealed: one })))
          if (!opened.every((one) => 'message' in one)) throw new Error('a message did not open')
        }
      })
      // The first round compiles.
      if (round > 0) rates.push({ seal: rate(seal), open: rate(open) })
    }
    log(rates.map(({ seal, open }) => `${seal.toFixed(0)} sealed, ${open.toFixed(0)} opened`).join('; '))
    const atLeast = { atLeast: 3000 }
    return [
      figure('message: sealed on one core', '/s', { ours: median(rates.map(({ seal }) => seal)) }, atLeast),
      figure('message: opened on one core', '/s', { ours: median(rates.map(({ open }) => open)) }, atLeast),
    ]
  },
}

async function timed(run: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await run()
  return (performance.now() - startMs) / 1000
}
