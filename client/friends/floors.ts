import * as z from 'zod/mini'
import { deviceId, hash, natural, userId } from '../../shared/wire/primitives.ts'
import type { Floor } from './types.ts'

export const floor = z.strictObject({
  senderId: userId,
  deviceId,
  from: natural,
  counter: natural,
  hash: z.nullable(hash),
})

/** Of two with the same beginning the longer one stays. */
export function mergeFloors(known: readonly Floor[], added: readonly Floor[]): Floor[] {
  const merged = new Map(known.map((one) => [placeOf(one), one]))
  for (const one of added) {
    if ((merged.get(placeOf(one))?.counter ?? -1) < one.counter) merged.set(placeOf(one), one)
  }
  return [...merged.values()]
}

const placeOf = ({ senderId, deviceId, from }: Floor) => `${senderId}.${deviceId}.${from}`
