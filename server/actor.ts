import type { DeviceId, MemberId, UserId, WorkerId } from '../shared/format/ids.ts'

/** Who a request comes from, once the session or the bearer token is checked. */
export type Actor = Person | WorkerActor
export interface Person {
  readonly kind: 'person'
  readonly userId: UserId
  readonly username: string
  readonly deviceId: DeviceId
  readonly sessionId: string
  readonly ownsInstance: boolean
  readonly signedInAtMs: number
  readonly expiresAtMs: number
}
export interface WorkerActor {
  readonly kind: 'worker'
  readonly workerId: WorkerId
}

/** What a route asks for; `member-or-worker` is anybody with a session, `none` anybody at all. */
export type Auth = 'none' | 'person' | 'worker' | 'member-or-worker'
export type ActorOf<A extends Auth> = {
  none: null
  person: Person
  worker: WorkerActor
  'member-or-worker': Actor
}[A]

export function memberIdOf(actor: Actor): MemberId {
  return actor.kind === 'person' ? actor.userId : actor.workerId
}
