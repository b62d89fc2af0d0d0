import * as z from 'zod/mini'
import { userId } from './primitives.ts'
import { route } from './route.ts'

/**
 * What anybody who is signed in may learn of a person; the identity log says the rest (`readIdentity`).
 * `username` is empty in a connection with somebody whose account is gone.
 */
export const person = z.strictObject({ userId, username: z.string() })
export type Person = z.output<typeof person>

const one = z.strictObject({ userId })
const people = z.strictObject({ people: z.array(person) })

/** The exact name first, then names that begin so; at most 20. People who blocked each other never see each other. */
export const searchPeople = route('GET', '/api/people', {
  query: z.strictObject({ name: z.string().check(z.minLength(2), z.maxLength(128)) }),
  reply: people,
})
/** Blocked or not there: `request/not-found` alike. */
export const readPerson = route('GET', '/api/people/:userId', { params: one, reply: person })
export const listBlocks = route('GET', '/api/blocks', { reply: people })
/** Idempotent. The other side is not told: their search is empty and their messages are refused as if unconnected. */
export const block = route('PUT', '/api/blocks/:userId', { params: one })
export const unblock = route('DELETE', '/api/blocks/:userId', { params: one })
