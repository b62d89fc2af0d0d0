import { expect, it } from 'vitest'
import { codeOf } from '../testing/people.ts'
import { readCapped } from './read-capped.ts'

function answer(parts: number[], headers: Record<string, string> = {}, breaksOff = false) {
  const sizes = [...parts]
  let pulled = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const size = sizes.shift()
      pulled++
      if (size !== undefined) controller.enqueue(new Uint8Array(size).fill(pulled))
      else if (breaksOff) controller.error(new Error('reset'))
      else controller.close()
    },
  })
  return { response: new Response(body, { headers }), pulled: () => pulled }
}

it('reads what there is, with or without a length that fits', async () => {
  for (const headers of [{}, { 'content-length': '100010' }, { 'content-length': '3' }, { 'content-length': 'many' }]) {
    const bytes = await readCapped(answer([10, 100_000], headers).response, 200_000)
    expect([bytes.length, bytes[0], bytes[10], bytes.at(-1)]).toEqual([100_010, 1, 2, 2])
  }
  expect((await readCapped(new Response(null), 5)).length).toBe(0)
  expect((await readCapped(answer([5]).response, 5)).length).toBe(5)
})

it.each([{}, { 'content-length': '1', 'content-encoding': 'br' }])(
  'stops a server that sends without end',
  async (headers) => {
    const endless = answer(Array(10_000).fill(1000), headers)
    expect(await codeOf(() => readCapped(endless.response, 5000))).toBe('request/too-large')
    expect(endless.pulled()).toBeLessThan(10)
  },
)

it('takes no more than it may where the length is a lie', async () => {
  const longer = answer(Array(10).fill(1000), { 'content-length': '1' })
  expect(await codeOf(() => readCapped(longer.response, 5000))).toBe('request/too-large')
})

it('says when an answer breaks off', async () => {
  for (const headers of [{}, { 'content-length': '9' }])
    expect(await codeOf(() => readCapped(answer([5], headers, true).response, 100))).toBe('server/unreachable')
})
