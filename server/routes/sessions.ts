import type { Context } from 'koa'
import { AppError } from '../../shared/errors.ts'
import { parseUsername } from '../../shared/format/username.ts'
import {
  finishSignIn,
  listSessions,
  readSession,
  removeSession,
  type Session,
  signOut,
  startSignIn,
} from '../../shared/wire/accounts.ts'
import { clearSessionCookie, readSessionCookie, setSessionCookie } from '../accounts/cookie.ts'
import { requireFresh } from '../accounts/fresh.ts'
import { endSessions, findPerson, listSessions as readSessions, removeSessions } from '../accounts/sessions.ts'
import { createSignIn } from '../accounts/sign-in.ts'
import type { Person } from '../actor.ts'
import type { Deps } from '../deps.ts'
import type { Api } from './api.ts'

export function registerSessions({ handle, deps, limits }: Api): void {
  const signIn = createSignIn(deps)

  handle(startSignIn, { auth: 'none', limit: 'sign-in' }, async ({ body }) => {
    const username = parseUsername(body.username)
    // One password guessed from many addresses.
    await limits.consume('sign-in-name', username)
    const [password = '', destruction = ''] = body.requests
    return signIn.start(username, [password, destruction])
  })
  handle(finishSignIn, { auth: 'none', limit: 'sign-in' }, async ({ body, ctx }) =>
    openSession(deps, ctx, await signIn.finish(body, readSessionCookie(ctx.req, deps.config.origin))),
  )
  handle(readSession, { auth: 'person', limit: 'read' }, async ({ actor }) => presentSession(actor))
  handle(signOut, { auth: 'person', limit: 'write' }, async ({ actor, ctx }) => {
    const ended = await endSessions(deps.db, actor.userId, { only: actor.sessionId })
    clearSessionCookie(ctx, deps)
    deps.events.ended(ended)
  })
  // After `signOut`: its path would fit here too.
  handle(listSessions, { auth: 'person', limit: 'read' }, async ({ actor }) => ({
    sessions: await readSessions(deps, actor),
  }))
  handle(removeSession, { auth: 'person', limit: 'write' }, async ({ actor, params }) => {
    requireFresh(deps, actor)
    const which = params.sessionId === 'others' ? { except: actor.sessionId } : { only: params.sessionId }
    deps.events.removed(await removeSessions(deps, actor.userId, which))
  })
}

/** Hands the browser its cookie and tells the page whose session it is. */
export async function openSession(deps: Deps, ctx: Context, { token }: { token: string }): Promise<Session> {
  const person = await findPerson(deps, deps.db, token)
  if (!person) throw new AppError('auth/expired', 'the session ended at once')
  setSessionCookie(ctx, deps, token)
  return presentSession(person)
}

function presentSession({ userId, username, deviceId, ownsInstance, expiresAtMs }: Person): Session {
  return { userId, username, deviceId, ownsInstance, expiresAt: expiresAtMs }
}
