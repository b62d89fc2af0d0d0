import { expect, it } from 'vitest'
import { describeLine } from './describe-line.ts'

it.each([
  ['Port 8420 is taken.', 'Port 8420 is taken.'],
  ['{"level":30,"msg":"request"}', null],
  ['{"level":40,"msg":"disk is nearly full"}', 'server: warning: disk is nearly full'],
  ['{"level":50,"msg":"sweep failed","err":{"message":"EIO"}}', 'server: error: sweep failed: EIO'],
  ['{ not JSON', '{ not JSON'],
])('%s', (line, shown) => {
  expect(describeLine('server', line)).toBe(shown)
})
