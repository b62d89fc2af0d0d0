import * as z from 'zod/mini'
import { fromBase64Url, toBase64Url } from '../format/base64url.ts'
import type { Bytes } from '../format/bytes.ts'
import {
  type ConnectionId,
  type DeviceId,
  type GroupId,
  type InviteId,
  isId,
  type JobId,
  type MediaId,
  type MemberId,
  type ObjectId,
  type UserId,
  type WorkerId,
} from '../format/ids.ts'

/**
 * Bytes of `min` to `max` length: unpadded base64url in JSON, `Bytes` in code.
 * Send with `z.encode(schema, value)`, receive with `z.decode(schema, json)`; see `route.ts`.
 */
// @__NO_SIDE_EFFECTS__
export function bytes(min: number, max: number = min) {
  return z.codec(
    z.string().check(z.maxLength(Math.ceil((max * 4) / 3)), z.regex(/^[\w-]*$/)),
    z.custom<Bytes>((value) => value instanceof Uint8Array && value.length >= min && value.length <= max),
    {
      decode: (text, context) => {
        try {
          return fromBase64Url(text)
        } catch {
          context.issues.push({ code: 'custom', input: text, message: 'not canonical base64url' })
          return z.NEVER
        }
      },
      encode: (value) => toBase64Url(value),
    },
  )
}

// @__NO_SIDE_EFFECTS__
function id<T extends string>() {
  return z.custom<T>((value) => typeof value === 'string' && isId(value), 'not an id')
}
export const userId = id<UserId>()
export const workerId = id<WorkerId>()
export const memberId = id<MemberId>()
export const deviceId = id<DeviceId>()
export const groupId = id<GroupId>()
export const inviteId = id<InviteId>()
export const mediaId = id<MediaId>()
export const objectId = id<ObjectId>()
export const jobId = id<JobId>()
export const connectionId = id<ConnectionId>()

/** A count, sequence number, revision or size: an integer from 0 to 2⁵³ − 1. */
export const natural = z.int().check(z.nonnegative())
/** Milliseconds since 1970, UTC: no more than a `Date` holds, so that showing a time never throws. */
export const timeMs = natural.check(z.lte(8_640_000_000_000_000))
export const hash = bytes(32)
/** A signed statement as it was signed (docs/protocol.md §2); `bytes` are at most 64 KiB of JSON. */
export const signedEntry = z.strictObject({ bytes: bytes(2, 65_536), sig: bytes(64) })
/** An opaque token or a message of the OPAQUE library, passed on unread. */
export const opaqueText = z.string().check(z.minLength(1), z.maxLength(4096), z.regex(/^[\w-]+$/))
/** What people typed as a user name; both ends normalise it (docs/protocol.md §3). */
export const typedUsername = z.string().check(z.minLength(1), z.maxLength(128))
