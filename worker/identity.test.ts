import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { newGroupId, newKey } from '../shared/crypto/random.ts'
import { keepInvited, openIdentity, readInvited } from './identity.ts'
import { etaOf } from './job.ts'
import { parseInvite } from './join.ts'

const folder = mkdtempSync(join(tmpdir(), 'kith-identity-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('is the same after every start, and readable by nobody else', async () => {
  const first = await openIdentity(folder)
  const again = await openIdentity(folder)
  expect(again.fingerprint).toBe(first.fingerprint)
  expect(first.fingerprint).toMatch(/^(\d{5} ){5}\d{5}$/)
  expect(again.workerId).toBe(first.workerId)
  expect(statSync(join(folder, 'identity.json')).mode & 0o077).toBe(0)
})

it('keeps what an invite gave, once for each group', async () => {
  const groupId = newGroupId()
  const media = [{ epoch: 1, key: newKey() }]
  await keepInvited(folder, { groupId, media: [] })
  await keepInvited(folder, { groupId, media })
  expect(await readInvited(folder)).toEqual([{ groupId, media }])
})

it('says what to do about a damaged file', async () => {
  const damaged = mkdtempSync(join(folder, 'damaged-'))
  writeFileSync(join(damaged, 'identity.json'), '{"v":1')
  await expect(openIdentity(damaged)).rejects.toThrow('Remove it to start as a new worker')
})

it('reads invites as they are handed on', () => {
  expect(parseInvite('https://kith.example.org/join#abc', null)).toMatchObject({
    server: 'https://kith.example.org',
    link: '#abc',
  })
  const words = 'legal winner thank year wave sausage worth useful'
  expect(parseInvite(words, 'http://localhost:1')).toMatchObject({ words: words.split(' ') })
  expect(() => parseInvite(words, null)).toThrow('--server')
  expect(() => parseInvite('seven words are not enough for it', 'http://localhost:1')).toThrow('eight words')
})

it('guesses the time left from what is done', () => {
  expect(etaOf({ permille: 0, startedAt: 0 }, 5000)).toBeNull()
  expect(etaOf({ permille: 500, startedAt: 0 }, 5000)).toBe(5000)
  expect(etaOf({ permille: 1000, startedAt: 0 }, 5000)).toBe(0)
})
