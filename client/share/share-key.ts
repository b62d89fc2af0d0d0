import { x25519PublicKey, x25519Shared } from '../../shared/crypto/agreement.ts'
import { hkdf } from '../../shared/crypto/hkdf.ts'
import { shareKeyFrom } from '../../shared/crypto/share.ts'
import { openDevice } from '../../shared/device/db.ts'
import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'

const secretOf = (accountKey: Bytes) => hkdf(accountKey, '', 'kith/v1/device-share', 32)

/** Leaves the public half where the Service Worker finds it, locked or not. It goes with the account, so that it is made once. */
export async function keepShareKey(accountKey: Bytes): Promise<void> {
  const device = await openDevice()
  if (await device.getKey('shareKey', 'current')) return
  await device.put('shareKey', x25519PublicKey(await secretOf(accountKey)), 'current')
}

/** The key of one share. @throws {AppError} `share/tampered` */
export async function openingShareKey(accountKey: Bytes, ephemeral: Bytes): Promise<Bytes> {
  const secret = await secretOf(accountKey)
  try {
    return await shareKeyFrom(x25519Shared(secret, ephemeral), ephemeral, x25519PublicKey(secret))
  } catch (cause) {
    throw new AppError('share/tampered', 'not a key that can be agreed with', { cause })
  }
}
