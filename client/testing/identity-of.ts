import { newKey } from '../../shared/crypto/random.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { Person } from '../../shared/testing/people.ts'
import { encodeItem, identityItem } from '../vault/items.ts'

/** What every vault begins with: it signs its changes with that. */
export function identityOf({ seed }: Person): [name: string, plain: Bytes] {
  return ['identity', encodeItem(identityItem, { seed, agreementSeed: newKey() })]
}
