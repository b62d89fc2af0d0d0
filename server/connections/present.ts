import type { ConnectionView } from '../../shared/wire/connections.ts'
import { toBytes } from '../format.ts'
import type { Side } from './store.ts'

/** Whether nobody may answer the request any more. */
export function isOver({ state, expires_at }: Pick<Side, 'state' | 'expires_at'>, now: number): boolean {
  return state === 'ended' || (state !== 'friends' && expires_at <= now)
}

/** What one of the two may know. Whoever was denied or blocked sees what they would see otherwise. */
export function presentConnection(side: Side, now: number): ConnectionView {
  const state = stateOf(side, now)
  return {
    connectionId: side.connection_id,
    peer: { userId: side.peer_id, username: side.isPeerGone ? '' : side.peer_name },
    state,
    length: side.length,
    head: toBytes(side.head),
    lastSeq: side.last_seq,
    note: state === 'asked' && side.note ? toBytes(side.note) : null,
    createdAt: side.created_at,
    changeSeq: side.change_seq,
  }
}

function stateOf(side: Side, now: number): ConnectionView['state'] {
  const isMine = side.asker_id === side.me
  if (isOver(side, now) || (side.state === 'denied' && !isMine)) return 'ended'
  if (side.isBlockedByMe) return 'blocked'
  if (side.state === 'friends') return 'friends'
  return isMine ? 'asking' : 'asked'
}
