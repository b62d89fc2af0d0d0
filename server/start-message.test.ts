import { expect, it } from 'vitest'
import { startMessage } from './start-message.ts'

it.each([
  ['127.0.0.1', 'http://localhost:8420', 'Kith listens on http://localhost:8420', false],
  [
    '::1',
    'http://localhost:8420',
    'Kith listens on http://[::1]:8420, people reach it at http://localhost:8420',
    false,
  ],
  [
    '127.0.0.1',
    'https://kith.example.org',
    'Kith listens on http://localhost:8420, people reach it at https://kith.example.org',
    false,
  ],
  [
    '0.0.0.0',
    'https://kith.example.org',
    'Kith listens on http://0.0.0.0:8420, people reach it at https://kith.example.org',
    false,
  ],
  [
    '0.0.0.0',
    'http://localhost:8420',
    'Kith listens on http://0.0.0.0:8420, people reach it at http://localhost:8420',
    true,
  ],
  ['192.168.0.7', 'http://192.168.0.7:8420', 'Kith listens on http://192.168.0.7:8420', true],
  [
    '127.0.0.1',
    'http://kith.home.example',
    'Kith listens on http://localhost:8420, people reach it at http://kith.home.example',
    true,
  ],
])('at %s, called %s, says where, and where other devices could not come in, so', (host, origin, first, warns) => {
  const [line, ...more] = startMessage({ host, port: 8420, origin }).trimEnd().split('\n')
  expect(line).toBe(first)
  expect(more).toEqual(warns ? [expect.stringContaining('other devices need HTTPS')] : [])
})
