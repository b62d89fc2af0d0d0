import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newKey, newUserId } from '../../shared/crypto/random.ts'
import { AppError } from '../../shared/errors.ts'
import { hashOf } from '../../shared/logs/signed.ts'
import type { Person } from '../../shared/wire/people.ts'
import { type PersonLink, personFragment } from './people.ts'
import { PeopleSearch } from './search.ts'

const origin = 'https://kith.example'
const [ben, bea] = ['ben', 'bea'].map((username): Person => ({ userId: newUserId(), username })) as [Person, Person]

let found: (readonly Person[] | null)[]
let failures: (string | null)[]
let followed: PersonLink[]
/** Questions that are not answered yet, by what was asked. */
let asked: Map<string, PromiseWithResolvers<readonly Person[]>>
let search: PeopleSearch

beforeEach(() => {
  vi.useFakeTimers()
  ;[found, failures, followed, asked] = [[], [], [], new Map()]
  search = new PeopleSearch({
    origin,
    ask: (name) => {
      const answer = Promise.withResolvers<readonly Person[]>()
      asked.set(name, answer)
      return answer.promise
    },
    found: (people) => void found.push(people),
    failed: (error) => void failures.push(error?.code ?? null),
    follow: (link) => void followed.push(link),
  })
})
afterEach(() => void vi.useRealTimers())

async function type(text: string): Promise<void> {
  search.typed(text)
  await vi.runAllTimersAsync()
}
const answer = async (name: string, people: readonly Person[]) => {
  asked.get(name)?.resolve(people)
  await vi.runAllTimersAsync()
}

describe('searching people by name', () => {
  it('asks once for what is typed in one go', async () => {
    for (const text of ['b', 'be', 'ben']) search.typed(text)
    await vi.runAllTimersAsync()
    await answer('ben', [ben])
    expect([...asked.keys()]).toEqual(['ben'])
    expect(found.at(-1)).toEqual([ben])
  })

  it('shows what was asked last, also where an earlier answer comes after it', async () => {
    await type('be')
    await type('Ben ')
    await answer('ben', [ben])
    await answer('be', [bea, ben])
    expect(found).toEqual([[ben]])
  })

  it('says nothing of an earlier question that failed late, and no more of a failure once something else is typed', async () => {
    await type('be')
    await type('ben')
    asked.get('be')?.reject(new AppError('server/unreachable'))
    await vi.runAllTimersAsync()
    expect(failures).toEqual([null, null])
    asked.get('ben')?.reject(new AppError('auth/rate-limited'))
    await vi.runAllTimersAsync()
    expect(failures.at(-1)).toBe('auth/rate-limited')
    await type('bea')
    expect(failures.at(-1)).toBeNull()
  })

  it('finds nothing any more once the field is empty', async () => {
    await type('be')
    await type('')
    await answer('be', [ben])
    expect(found).toEqual([null])
  })
})

describe('a personal link in place of a name', () => {
  const identityKey = newKey()
  const link = { userId: ben.userId, keyHash: hashOf(identityKey) }
  const fragment = personFragment(ben.userId, identityKey)

  it.each([
    ['whole', `${origin}/add#${fragment}`],
    ['with spaces around it', ` ${origin}/add#${fragment}\n`],
    ['its fragment alone', fragment],
  ])('%s leads to whom it names, and nobody is asked for', async (_, text) => {
    await type(text)
    expect(followed).toEqual([link])
    expect([...asked.keys(), ...failures]).toEqual([null])
  })

  it.each([
    ['of another server', `https://elsewhere.example/add#${fragment}`],
    ['to somewhere else', `${origin}/join#${fragment}`],
    ['cut off', `${origin}/add#${fragment.slice(1)}`],
  ])('%s leads nowhere, and says so', async (_, text) => {
    await type(text)
    expect(followed).toEqual([])
    expect(failures.at(-1)).toBe('format/invalid')
  })
})
