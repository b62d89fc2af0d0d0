import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { eraseDevice } from '../../shared/device/db.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { finishSignIn, startSignIn } from '../../shared/wire/accounts.ts'
import { Session } from '../app/session.ts'
import { AccountWorld, accountCrypto as crypto, NoTabs } from '../testing/account-world.ts'

const PASSWORD = 'copper-lantern-orbit'
const DESTROY = 'granite-ribbon-comet'
const WRONG = 'willow-meadow-58'
const SIGN_IN = [startSignIn, finishSignIn].map(({ method, path }) => `${method} ${path}`)
let world: AccountWorld
let session: Session

beforeEach(async () => {
  vi.stubGlobal('location', { reload: () => undefined, assign: () => undefined })
  vi.stubGlobal('BroadcastChannel', NoTabs)
  await eraseDevice()
  world = await AccountWorld.create()
  session = new Session(world.api, crypto)
  await session.signUp({ username: 'ada', password: PASSWORD, circleName: null, invite: null })
  await session.setPasswords(PASSWORD, { password: null, destruction: DESTROY })
  await session.catchUp()
  world.asked.length = 0
  world.finishes.length = 0
})

describe('a watcher at the sign-in screen', () => {
  beforeEach(eraseDevice)

  it('sees the same requests, of the same sizes, for a wrong password and for the one that destroys', async () => {
    const seen = async (password: string) => {
      world.asked.length = 0
      world.finishes.length = 0
      const code = await codeOf(() => new Session(world.api, crypto).signIn('ada', password))
      return { code, asked: [...world.asked], lengths: world.finishes.map((body) => JSON.stringify(body).length) }
    }
    const wrong = await seen(WRONG)
    expect(world.isDestroyed).toBe(false)
    expect(await seen(DESTROY)).toEqual(wrong)
    expect(wrong).toMatchObject({ code: 'auth/failed', asked: SIGN_IN })
    expect(world.isDestroyed).toBe(true)
  })

  it.each(['auth/rate-limited', 'server/unreachable'] satisfies ErrorCode[])(
    'is told the same by a server that answers %s at the end',
    async (code) => {
      world.beforeAnswer = (route) => {
        if ((route as unknown) === finishSignIn) throw new AppError(code)
      }
      for (const password of [WRONG, DESTROY]) {
        expect(await codeOf(() => new Session(world.api, crypto).signIn('ada', password))).toBe(code)
      }
    },
  )
})
