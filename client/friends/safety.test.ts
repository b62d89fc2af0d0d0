import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { newKey, newUserId } from '../../shared/crypto/random.ts'
import { publicKeyOf } from '../../shared/crypto/signing.ts'
import { fromBase64Url, toBase64Url } from '../../shared/format/base64url.ts'
import { concat } from '../../shared/format/bytes.ts'
import { parseUserId } from '../../shared/format/ids.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { checkKeyHash, parsePersonLink, personFragment } from './people.ts'
import { compareSafety, safetyNumber } from './safety.ts'

type Case = { identityKey: string; userId: string; digits: string; digest: string }
const path = new URL('../../shared/vectors/safety-number.json', import.meta.url)
const cases: Case[] = JSON.parse(readFileSync(path, 'utf8')).cases
const sideOf = ({ identityKey, userId }: Case) => ({
  identityKey: fromBase64Url(identityKey),
  userId: parseUserId(userId),
})
const [a, b, c] = cases as [Case, Case, Case]

it('joins the known halves, sorted, the same for both', () => {
  const number = safetyNumber(sideOf(a), sideOf(b))
  expect(number).toEqual(safetyNumber(sideOf(b), sideOf(a)))
  const [first, second] = [a, b].sort((x, y) => (x.digits < y.digits ? -1 : 1)) as [Case, Case]
  expect(number.groups.join(' ')).toBe(`${first.digits} ${second.digits}`)
  const digests = concat(fromBase64Url(first.digest), fromBase64Url(second.digest))
  expect(number.code).toBe(`kith-safety:1:${toBase64Url(digests)}`)
})

it('tells a scanned code that is the same from another one', () => {
  const number = safetyNumber(sideOf(a), sideOf(b))
  expect(compareSafety(number, number.code)).toBe('same')
  expect(compareSafety(number, safetyNumber(sideOf(a), sideOf(c)).code)).toBe('different')
  expect(compareSafety(number, 'https://kith.example/add#x')).toBe('not-a-number')
})

it('a personal link says who, and what their key hashes to', async () => {
  const [user, key] = [newUserId(), publicKeyOf(newKey())]
  const fragment = personFragment(user, key)
  const origin = 'https://kith.example'
  for (const text of [fragment, ` ${fragment}\n`, `${origin}/add#${fragment}`]) {
    const link = parsePersonLink(text, origin)
    expect(link.userId).toBe(user)
    expect(await codeOf(() => checkKeyHash(key, link.keyHash))).toBe('no error')
    expect(await codeOf(() => checkKeyHash(publicKeyOf(newKey()), link.keyHash))).toBe('identity/changed')
  }
  for (const text of ['', 'x', `https://evil.example/add#${fragment}`, `${origin}/join#${fragment}`, fragment.slice(1)])
    expect(await codeOf(() => parsePersonLink(text, origin))).toBe('format/invalid')
})
