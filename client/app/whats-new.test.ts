import { expect, test } from 'vitest'
import { readWhatsNew } from './whats-new.ts'

const answering = (body: string, status = 200) => (async () => new Response(body, { status })) as typeof fetch

test('what the newest version says of itself', async () => {
  const said = { version: '0.2.0', lines: ['Chats: find what was said.'] }
  expect(await readWhatsNew(answering(JSON.stringify(said)))).toEqual(said)
})

test.each([
  ['no answer', () => Promise.reject(new TypeError('offline'))],
  ['an error', answering('{}', 500)],
  ['something else', answering('<!doctype html>')],
  ['too much', answering(JSON.stringify({ version: '1', lines: ['x'.repeat(9000)] }))],
  ['a field that is not known', answering(JSON.stringify({ version: '1', lines: [], link: 'https://example.org' }))],
] as [string, typeof fetch][])('%s: the update goes without', async (_what, fetched) => {
  expect(await readWhatsNew(fetched)).toBeNull()
})
