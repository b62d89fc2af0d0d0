import * as z from 'zod/mini'
import { connectionId, mediaId } from './primitives.ts'
import { route } from './route.ts'

const one = z.strictObject({ mediaId, connectionId })

/**
 * Lets the friend of a connection fetch one item's record and ciphertext; its keys travel in a message. By a member of
 * the item's group who is a friend there. Idempotent; ends with the connection, by a block, or when taken back. In the
 * record that the friend gets, wrapped keys and card are zeros, and the author is whoever granted it.
 */
export const grantMedia = route('PUT', '/api/media/:mediaId/grants/:connectionId', { params: one })
export const revokeGrant = route('DELETE', '/api/media/:mediaId/grants/:connectionId', { params: one })
/** Grants of an item that the caller made. */
export const listGrants = route('GET', '/api/media/:mediaId/grants', {
  params: z.strictObject({ mediaId }),
  reply: z.strictObject({ connectionIds: z.array(connectionId) }),
})
