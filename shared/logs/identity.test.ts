import { describe, expect, it } from 'vitest'
import { newKey, newUserId } from '../crypto/random.ts'
import { signStatement } from '../crypto/signing.ts'
import { fromBase64Url, toBase64Url } from '../format/base64url.ts'
import { parseUserId } from '../format/ids.ts'
import { codeOf, newPerson } from '../testing/people.ts'
import vectors from '../vectors/safety-number.json' with { type: 'json' }
import { fingerprint } from './fingerprint.ts'
import {
  checkUnlockMethods,
  IDENTITY_LABEL,
  type IdentityStatement,
  identityStatement,
  replayIdentity,
  verifyStatement,
} from './identity.ts'

const ada = await newPerson('ada')
const first = verifyStatement(ada.identity)

function next(changes: Partial<IdentityStatement> = {}, seed = ada.seed) {
  const { head, ...statement } = first
  return signStatement(seed, IDENTITY_LABEL, identityStatement, { ...statement, seq: 1, prev: head, ...changes })
}

describe('an identity log', () => {
  it('is followed to its newest statement', () => {
    expect(replayIdentity([ada.identity, next()])).toMatchObject({ userId: ada.userId, seq: 1 })
  })

  it.each([
    ['by another key', 'log/bad-signature', () => [ada.identity, next({}, newKey())]],
    ['naming another key', 'identity/changed', () => [ada.identity, next({ identityKey: newKey() })]],
    ['naming another person', 'identity/changed', () => [ada.identity, next({ userId: newUserId() })]],
    ['under another name', 'identity/changed', () => [ada.identity, next({ username: 'eve' })]],
    ['out of order', 'log/wrong-prev', () => [ada.identity, next({ seq: 2 })]],
    ['after another one', 'log/wrong-prev', () => [ada.identity, next({ prev: newKey() })]],
    ['without its beginning', 'log/wrong-prev', () => [next()]],
    ['with nothing in it', 'log/bad-entry', () => []],
  ])('is refused with a statement %s (%s)', async (_, code, entries) => {
    expect(await codeOf(() => replayIdentity(entries()))).toBe(code)
  })

  it('is refused when it is older than the pinned one, or another', async () => {
    const second = next()
    const pin = replayIdentity([ada.identity, second])
    const replay = (...entries: Parameters<typeof replayIdentity>[0]) => codeOf(() => replayIdentity(entries, pin))
    expect(await replay(ada.identity, second)).toBe('no error')
    expect(await replay(ada.identity)).toBe('identity/rollback')
    expect(await replay(ada.identity, next({ createdAt: 9 }))).toBe('identity/changed')
    expect(await replay((await newPerson('ada')).identity)).toBe('identity/changed')
  })

  it('shows a way to unlock that the server invented', async () => {
    expect(await codeOf(() => checkUnlockMethods(first, ['password', 'recovery']))).toBe('no error')
    expect(await codeOf(() => checkUnlockMethods(first, ['password', 'passkey']))).toBe('identity/foreign-method')
  })
})

it.each(vectors.cases)('half of a safety number: $digits', ({ identityKey, userId, digits, digest }) => {
  const half = fingerprint(fromBase64Url(identityKey), parseUserId(userId))
  expect([half.digits, toBase64Url(half.digest)]).toEqual([digits, digest])
})
