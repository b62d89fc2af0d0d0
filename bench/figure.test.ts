import { expect, it } from 'vitest'
import { figure, inTurn, median, toMarkdown } from './figure.ts'
import { framesEachSecond } from './scrolling.ts'

it('takes the middle, or the mean of the two middles', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(() => median([])).toThrow(RangeError)
})

it('counts the frames that came, however regular most of them were', () => {
  expect(framesEachSecond([20, 20, 20, 20])).toBe(50)
  expect(framesEachSecond([20, 20, 20, 40])).toBe(40)
})

it('measures in turn', async () => {
  const order: string[] = []
  const result = await inTurn(
    2,
    async () => order.push('ours'),
    async () => order.push('peer'),
  )
  expect(order).toEqual(['ours', 'peer', 'ours', 'peer'])
  expect(result).toEqual({ ours: 2, peer: 3 })
})

it.each([
  [{ atLeast: 0.5 }, 5, 10, true],
  [{ atLeast: 0.51 }, 5, 10, false],
  [{ atMost: 1.25 }, 12, 10, true],
  [{ atMost: 1.1 }, 12, 10, false],
])('judges %j by the ratio', (goal, ours, peer, met) => {
  expect(figure('f', 's', { ours, peer, peerName: 'p' }, goal).met).toBe(met)
})

it('says plainly which goal was not met', () => {
  const figures = [figure('memory', 'MiB', { ours: 200 }, { atMost: 150 })]
  expect(toMarkdown(figures, 'machine')).toContain('| memory | 200 MiB |  |  |  | ≤ 150 MiB | **no** |')
})
