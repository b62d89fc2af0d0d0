import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { whatsNew } from '../../client/app/whats-new.ts'
import { newestOf } from './whats-new.ts'

test('the newest section of the changelog, as plain sentences', () => {
  const changelog =
    '# Changelog\n\nFor people.\n\n## 0.2.0\n\nBetter.\n\n- **Chats**: find\n  what was said.\n- Faster.\n\n## 0.1.0\n\n- Old.\n'
  expect(newestOf(changelog)).toEqual({ version: '0.2.0', lines: ['Chats: find what was said.', 'Faster.'] })
})

test('what the changelog says now fits what the page takes', () => {
  const said = newestOf(readFileSync('CHANGELOG.md', 'utf8'))
  expect(said.lines.length).toBeGreaterThan(3)
  expect(whatsNew.parse(said)).toEqual(said)
  expect(JSON.stringify(said).length).toBeLessThan(8192)
})
