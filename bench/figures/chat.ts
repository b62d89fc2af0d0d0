import { withBrowser } from '../browser.ts'
import { type Bench, figure, median } from '../figure.ts'
import type { BenchChat } from '../pages/chat.ts'

const MESSAGES = 10_000
const ROUNDS = 3
const CONVERSATIONS = 200
/** A week of a lively conversation. */
const EACH = 50

type Page = { readonly chat: BenchChat }

/** What the device does with conversations, sealed store and cryptography included, without a network in between. */
export const bench: Bench = {
  name: 'chat',
  run: (log) =>
    withBrowser(
      ['chat'],
      (_request, response, path) => {
        if (path !== '/') return false
        response.writeHead(200, { 'content-type': 'text/html' })
        response.end('<!doctype html><title>bench</title><script src="/chat.js"></script>')
        return true
      },
      async (page) => {
        const opened: Awaited<ReturnType<BenchChat['open']>>[] = []
        for (let round = 0; round < ROUNDS; round++) {
          const one = await page.evaluate((count) => (window as unknown as Page).chat.open(count), MESSAGES)
          log(`took ${MESSAGES} in ${one.takeSeconds.toFixed(1)} s, painted after ${one.openSeconds.toFixed(3)} s`)
          opened.push(one)
        }
        const each = [CONVERSATIONS, EACH] as const
        const caughtUp = await page.evaluate(([all, many]) => (window as unknown as Page).chat.catchUp(all, many), each)
        const of = (pick: (one: (typeof opened)[number]) => number) => ({ ours: median(opened.map(pick)) })
        return [
          figure(
            'chat-open: first paint of 10,000 messages',
            's',
            of((one) => one.openSeconds),
            { atMost: 1 },
          ),
          figure(
            'chat-open: memory of it',
            'MiB',
            of((one) => one.heapMiB),
            { atMost: 32 },
          ),
          figure(
            'chat-open: verified and kept each second',
            '/s',
            of((one) => MESSAGES / one.takeSeconds),
            { atLeast: 500 },
          ),
          figure('chat-catch-up: 200 conversations, 50 messages each', 's', { ours: caughtUp }, { atMost: 30 }),
        ]
      },
    ),
}
