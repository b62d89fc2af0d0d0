import { randomBytes } from 'node:crypto'
import { toBase64Url } from '../../shared/format/base64url.ts'
import {
  type GroupId,
  parseDeviceId,
  parseGroupId,
  parseUserId,
  parseWorkerId,
  type UserId,
  type WorkerId,
} from '../../shared/format/ids.ts'
import { sessionCookie } from '../accounts/cookie.ts'
import { createSession } from '../accounts/sessions.ts'
import type { AccountRow, GroupRow, MembershipRow, WorkerRow } from '../db/rows.ts'
import { createWorkerToken } from '../workers/tokens.ts'
import type { TestClient } from './test-client.ts'
import type { TestServer } from './test-server.ts'

/** 16 random bytes as text: `parseMediaId(randomId())`. */
export const randomId = () => toBase64Url(randomBytes(16))

/** A person with a session, straight into the tables: for tests that are about something else than accounts. */
export async function seedPerson(server: TestServer, name?: string): Promise<{ userId: UserId; client: TestClient }> {
  const { deps } = server
  const userId = parseUserId(randomId())
  await deps.db<AccountRow>('accounts').insert({
    user_id: userId,
    username: name ?? userId.toLowerCase(),
    owns_instance: 0,
    recovery_key: randomBytes(32),
    created_at: deps.clock.now(),
  })
  const { token } = await createSession(deps, deps.db, userId, parseDeviceId(randomId()))
  const client = server.client()
  client.cookies.set(sessionCookie(deps.config.origin).name, token)
  return { userId, client }
}

/** A worker with a token. */
export async function seedWorker(server: TestServer): Promise<{ workerId: WorkerId; client: TestClient }> {
  const { deps } = server
  const workerId = parseWorkerId(randomId())
  await deps.db<WorkerRow>('workers').insert({
    worker_id: workerId,
    identity_key: randomBytes(32),
    statement_bytes: Buffer.from('{}'),
    statement_sig: randomBytes(64),
    created_at: deps.clock.now(),
    last_seen_at: deps.clock.now(),
  })
  const client = server.client()
  client.bearer = (await createWorkerToken(deps, deps.db, workerId)).token
  return { workerId, client }
}

/** A group at epoch 1 with these members, and no log. */
export async function seedGroup(
  server: TestServer,
  members: readonly { id: UserId | WorkerId; role: MembershipRow['role'] }[],
): Promise<GroupId> {
  const { db, clock } = server.deps
  const groupId = parseGroupId(randomId())
  await db<GroupRow>('groups').insert({
    group_id: groupId,
    seq: 1,
    head: randomBytes(32),
    epoch: 1,
    created_at: clock.now(),
  })
  // An empty list is no query.
  if (members.length === 0) return groupId
  await db<MembershipRow>('memberships').insert(
    members.map(({ id, role }) => ({
      group_id: groupId,
      member_id: id,
      kind: role === 'worker' ? ('worker' as const) : ('person' as const),
      role,
    })),
  )
  return groupId
}
