import { expect, it } from 'vitest'
import { identityKeyOf } from './identity-key.ts'
import { newKey } from './random.ts'
import { publicKeyOf } from './signing.ts'

it('is the same key by libsodium as by noble', async () => {
  for (let round = 0; round < 20; round++) {
    const seed = newKey()
    expect(await identityKeyOf(seed)).toEqual(publicKeyOf(seed))
  }
})
