import type { Crypto } from '../workers/crypto.ts'

/** What chats need of libsodium: done in the crypto Web Worker. */
export type ChatCrypto = Pick<
  Crypto,
  | 'openChecked'
  | 'openOwnReceipt'
  | 'openPeerReceipt'
  | 'openTyping'
  | 'sealChain'
  | 'sealOwnReceipt'
  | 'sealPeerReceipt'
  | 'sealTyping'
>
