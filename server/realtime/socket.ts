import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { Server, type Socket } from 'socket.io'
import * as z from 'zod/mini'
import { type ServerEvents, SOCKET_PATH, serverEvents } from '../../shared/wire/events.ts'
import { readSessionCookie } from '../accounts/cookie.ts'
import { findPerson, sweepSessions } from '../accounts/sessions.ts'
import type { Person } from '../actor.ts'
import type { MembershipRow, SessionRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { createLimits } from '../middleware/limits.ts'
import { isOurs } from '../middleware/origin.ts'
import type { Audience, Notice } from './events.ts'
import { relayTyping } from './typing.ts'

type Nothing = Record<string, never>
/** Whatever a browser sends is unknown until it is parsed. */
type Incoming = { typing: (payload: unknown) => void }
type Io = Server<Incoming, ServerEvents, Nothing, { person: Person }>
type Connection = Socket<Incoming, ServerEvents, Nothing, { person: Person }>

const RECHECK_MS = 5 * 60_000

/** Carries the notices of `deps.events` to the browsers that may know them. Of what browsers send, only `typing` is read. */
export function attachSocket(http: HttpServer, deps: Deps): { close(): void } {
  const io: Io = new Server(http, {
    path: SOCKET_PATH,
    serveClient: false,
    maxHttpBufferSize: 4096,
    allowRequest: (request, decide) => decide(null, mayConnect(request, deps.config.origin)),
  })
  io.use(async (socket, next) => {
    try {
      const token = readSessionCookie(socket.request, deps.config.origin)
      const person = token === null ? null : await findPerson(deps, deps.db, token)
      if (!person) return next(new Error('auth/required'))
      socket.data.person = person
      await enterRooms(socket, deps)
      next()
    } catch (err) {
      deps.logger.error({ err }, 'socket refused')
      next(new Error('internal'))
    }
  })
  const limits = createLimits(deps.config.rateScale)
  io.on('connection', (socket) => {
    socket.on('typing', (payload) => {
      relayTyping(deps, limits, socket.data.person, payload).catch((err) =>
        deps.logger.error({ err }, 'typing was not passed on'),
      )
    })
  })
  const stop = deps.events.listen((notice) => deliver(io, notice))
  const recheck = setInterval(() => {
    cutExpired(io, deps).catch((err) => deps.logger.error({ err }, 'sessions were not checked'))
  }, RECHECK_MS)
  recheck.unref()
  return {
    close() {
      clearInterval(recheck)
      stop()
      io.disconnectSockets(true)
      io.engine.close()
    },
  }
}

function mayConnect(request: IncomingMessage, origin: string): boolean {
  const sent = request.headers.origin
  // A WebSocket is not bound by the same-origin policy: only its Origin says which page opened it.
  if (sent === undefined) return request.method === 'GET' && request.headers.upgrade === undefined
  return isOurs(sent, origin)
}

const roomOf = (to: Audience): string => {
  if (to === 'people') return 'people'
  if ('group' in to) return `group:${to.group}`
  return 'account' in to ? `account:${to.account}` : `session:${to.session}`
}

async function enterRooms(socket: Connection, { db }: Deps): Promise<void> {
  const { userId, sessionId } = socket.data.person
  const readGroups = async () => {
    const rows = await db<MembershipRow>('memberships').where({ member_id: userId }).select('group_id')
    return rows.map(({ group_id }) => roomOf({ group: group_id }))
  }
  await socket.join(['people', roomOf({ account: userId }), roomOf({ session: sessionId }), ...(await readGroups())])
  // Whoever was removed while the first answer was on its way is in no account room yet, so nobody took them out.
  const still = new Set(await readGroups())
  for (const room of socket.rooms) if (room.startsWith('group:') && !still.has(room)) await socket.leave(room)
  const session = await db<SessionRow>('sessions').where({ session_id: sessionId }).first('session_id')
  if (!session) throw new Error('the session ended')
}

function deliver(io: Io, notice: Notice): void {
  switch (notice.kind) {
    case 'event':
      // `Notice` pairs names and payloads; Socket.IO's overloads do not see it through the union.
      io.to(roomOf(notice.to)).emit(notice.name, z.encode(serverEvents[notice.name], notice.payload as never) as never)
      break
    case 'membership': {
      const devices = io.in(`account:${notice.memberId}`)
      if (notice.isMember) devices.socketsJoin(roomOf({ group: notice.groupId }))
      else devices.socketsLeave(roomOf({ group: notice.groupId }))
      break
    }
    case 'ended':
      for (const session of notice.sessions) {
        io.to(roomOf({ session })).emit('revoked', { isRemoved: notice.isRemoved })
        io.in(roomOf({ session })).disconnectSockets(true)
      }
  }
}

/** A socket that stays open must not outlive its session. */
async function cutExpired(io: Io, deps: Deps): Promise<void> {
  await sweepSessions(deps)
  const rows = await deps.db<SessionRow>('sessions').select('session_id')
  const alive = new Set(rows.map(({ session_id }) => session_id))
  const over = new Set<string>()
  for (const { data } of io.sockets.sockets.values()) {
    if (!alive.has(data.person.sessionId)) over.add(data.person.sessionId)
  }
  deliver(io, { kind: 'ended', sessions: [...over], isRemoved: false })
}
