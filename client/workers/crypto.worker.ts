import { boxKeysFrom } from '../../shared/crypto/box.ts'
import {
  makeAccept,
  makeRequest,
  makeRotate,
  nextSchedule,
  openNote,
  startSchedule,
} from '../../shared/crypto/connection-keys.ts'
import { makeRotation, openGroupBox, sealGroupBox } from '../../shared/crypto/group-box.ts'
import { identityKeyOf } from '../../shared/crypto/identity-key.ts'
import { passphraseSecret, stretchPassword } from '../../shared/crypto/password.ts'
import {
  openOwnReceipt,
  openPeerReceipt,
  openTyping,
  sealOwnReceipt,
  sealPeerReceipt,
  sealTyping,
} from '../../shared/crypto/receipt.ts'
import { openSecret, sealSecret } from '../../shared/crypto/secretbox.ts'
import { openAccountKey, sealAccountKey, unlockKeys } from '../../shared/crypto/unlock.ts'
import { openChecked, sealChain } from '../chat/sealing.ts'
import { openVault, sealVaultWrite } from '../vault/sealing.ts'
import { finishOpaqueRegistration, finishOpaqueSignIn, startOpaqueRegistration, startOpaqueSignIn } from './opaque.ts'
import { serve } from './rpc.ts'

/** Everything that needs libsodium or OPAQUE: slow, large, and away from the page's thread. */
const offer = {
  boxKeysFrom,
  finishOpaqueRegistration,
  finishOpaqueSignIn,
  identityKeyOf,
  makeAccept,
  makeRequest,
  makeRotate,
  makeRotation,
  nextSchedule,
  openAccountKey,
  openGroupBox,
  openChecked,
  openNote,
  openOwnReceipt,
  openPeerReceipt,
  openSecret,
  openTyping,
  openVault,
  passphraseSecret,
  sealAccountKey,
  sealGroupBox,
  sealChain,
  sealOwnReceipt,
  sealPeerReceipt,
  sealSecret,
  sealTyping,
  sealVaultWrite,
  startOpaqueRegistration,
  startOpaqueSignIn,
  startSchedule,
  /** Does nothing: libsodium is ready when it answers. */
  start: async () => undefined,
  stretchPassword,
  unlockKeys,
}
export type CryptoOffer = typeof offer

serve(offer, self)
