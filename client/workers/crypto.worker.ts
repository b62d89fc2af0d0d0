import { boxKeysFrom } from '../../shared/crypto/box.ts'
import { makeRotation, openGroupBox, sealGroupBox } from '../../shared/crypto/group-box.ts'
import { passphraseSecret, stretchPassword } from '../../shared/crypto/password.ts'
import { openSecret, sealSecret } from '../../shared/crypto/secretbox.ts'
import { openAccountKey, sealAccountKey, unlockKeys } from '../../shared/crypto/unlock.ts'
import { openVault, sealVaultWrite } from '../vault/sealing.ts'
import { finishOpaqueRegistration, finishOpaqueSignIn, startOpaqueRegistration, startOpaqueSignIn } from './opaque.ts'
import { serve } from './rpc.ts'

/** Everything that needs libsodium or OPAQUE: slow, large, and away from the page's thread. */
const offer = {
  boxKeysFrom,
  finishOpaqueRegistration,
  finishOpaqueSignIn,
  makeRotation,
  openAccountKey,
  openGroupBox,
  openSecret,
  openVault,
  passphraseSecret,
  sealAccountKey,
  sealGroupBox,
  sealSecret,
  sealVaultWrite,
  startOpaqueRegistration,
  startOpaqueSignIn,
  stretchPassword,
  unlockKeys,
}
export type CryptoOffer = typeof offer

serve(offer, self)
