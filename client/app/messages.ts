import { type ErrorCode, isAppError } from '../../shared/errors.ts'
import { isOutdated } from './outdated.ts'
import type { ReloadReason } from './service-worker.ts'

/** For each code: what happened, and what one can do next. A code without a sentence does not compile. */
const SENTENCES: Readonly<Record<ErrorCode, string>> = {
  'format/invalid': 'That does not look right. Check what you typed and try again.',
  usage: 'Something went wrong inside Kith. Reload the page and try again.',
  internal: 'Something went wrong inside Kith. Reload the page and try again.',
  'object/bad-header': 'This file is damaged on the server. Ask the person who shared it to upload it again.',
  'object/wrong-key': 'The server answered with another file than the one asked for. Nothing of it was shown.',
  'object/wrong-size': 'Part of this file is missing on the server. Ask the person who shared it to upload it again.',
  'object/tampered':
    'This file was changed on the server after it was sealed. Kith stopped before showing a wrong byte.',
  'object/not-found': 'The server does not have this file any more.',
  'object/conflict': 'Another file is already stored in this place. Start the upload again.',
  'card/tampered': 'The description of this item was changed by somebody who may not. Kith does not show it.',
  'card/rollback':
    'The server shows an older description than one you have already seen. Reload, and tell your admin if it stays.',
  'box/tampered': 'A sealed key does not open. The server may have changed it. Tell your admin.',
  'vault/tampered': 'Your vault on the server was changed by somebody else. Nothing of it was used. Tell your admin.',
  'vault/rollback':
    'The server shows an older copy of your vault than this device has seen. Nothing was changed. Tell your admin.',
  'vault/conflict': 'Another of your devices changed the same thing. Try again.',
  'vault/forbidden': 'Only a device of yours that is unlocked can change your vault. Unlock Kith and try again.',
  'vault/locked': 'Kith is locked. Unlock it with your password to go on.',
  'key/unavailable': 'This device does not have the key for that. Sign in anew, or ask a member to share it again.',
  'log/bad-signature': 'The server shows a record that nobody signed. Kith refuses it. Tell your admin.',
  'log/bad-entry': 'The server shows a record that makes no sense. Kith refuses it. Tell your admin.',
  'log/wrong-prev': 'The server shows a history with a piece missing or moved. Kith refuses it. Tell your admin.',
  'log/conflict': 'Somebody else changed this at the same moment. Try again.',
  'identity/rollback': 'The server shows an older identity of this person than you have seen. Kith refuses it.',
  'identity/changed':
    'The identity of this person is not the one you know. Somebody may be in their place, or between you: nothing is sent to them. Ask them in person.',
  'identity/foreign-method':
    'The server shows a way to unlock your account that you never set up. Do not sign in here; tell your admin.',
  'group/forbidden': 'Your role in this circle does not allow that. Ask an admin.',
  'group/ghost-box': 'The circle’s key was given to somebody who is not a member. Kith refuses it. Tell your admin.',
  'group/missing-box': 'The circle’s key was not given to everybody. Kith refuses it. Ask an admin to change the key.',
  'group/wrong-box': 'The server shows a key that nobody in the circle sent. Kith refuses it. Tell your admin.',
  'group/wrong-commitment': 'The circle’s key is not the one that was announced. Kith refuses it. Tell your admin.',
  'group/rollback':
    'The server shows an older state of this circle than you have seen. Kith refuses it. Tell your admin.',
  'group/fork':
    'The server shows different members different histories of this circle. Kith refuses it. Tell the others in person.',
  'group/needs-rotation':
    'The circle’s key has to change first, since somebody left. Kith does it as soon as a member is online.',
  'group/not-member': 'You are not a member of this circle.',
  'group/not-found': 'This circle is not on this device. Reload the page.',
  'invite/invalid': 'This invite is not valid. Ask for a new one.',
  'invite/expired':
    'This invite has expired, or the clock of this device is wrong. Look at its date, or ask for a new invite.',
  'invite/used-up': 'This invite has been used already. Ask for a new one.',
  'connection/not-found': 'This conversation is not here any more.',
  'connection/exists': 'You have asked this person already, or they have asked you. Look at your friends.',
  'connection/refused': 'This person does not receive messages or requests from you now.',
  'connection/expired': 'This request is too old. Ask again.',
  'connection/forbidden': 'Only the two people of a conversation can do that. Kith refuses it.',
  'connection/swapped-key':
    'The keys of this conversation are not the ones that were signed. Somebody may sit between you. Nothing was sent.',
  'connection/rollback':
    'The server shows an older state of this conversation than you have seen. Kith refuses it. Tell your friend in person.',
  'connection/fork':
    'The server shows you and your friend different histories of this conversation. Tell your friend in person.',
  'connection/stale-epoch': 'The keys of this conversation have just changed. Kith seals the message again.',
  'connection/behind': 'New messages came in at the same moment. Kith tries again.',
  'connection/full':
    'The keys of this conversation have changed too often: there is no room for more in your vault. Remove this friend, and ask them again.',
  'message/tampered': 'A message was changed on its way. Kith does not show it.',
  'message/misplaced': 'A message was put where it does not belong. Kith does not show it.',
  'message/conflict': 'The server shows two different messages in one place. Kith keeps the first one it verified.',
  'message/after-close': 'A message came in after its keys were closed. Kith does not show it.',
  'message/too-many-devices':
    'A message came from more devices than one person may write with between two changes of keys. Kith does not show it.',
  'message/too-large': 'This message is too long. Send it in parts, or as a file.',
  'message/key-gone': 'The key of this message is gone for good: it has disappeared.',
  'receipt/rollback': 'The server shows an older receipt than you have seen. Kith keeps the newer one.',
  'auth/required': 'Your session is over. Sign in again.',
  'passkey/cancelled': 'The passkey was not used. Try again, or use your password.',
  'passkey/unsupported':
    'This device or browser cannot unlock Kith with a passkey yet. Nothing was kept; your password works as before.',
  'share/nobody': 'Nobody is signed in here. Sign in, then share it again. Nothing was kept.',
  'share/too-large':
    'That is more than this device has room for now. Share less at once, or make room first. Nothing of it was kept.',
  'share/unsupported': 'This browser cannot take shared things. Open Kith and upload them there.',
  'share/tampered':
    'Something that was shared with Kith was changed on this device, and does not open. Share it again.',
  'passkey/foreign': 'This passkey does not open Kith here. Use your password.',
  'auth/failed': 'Name or password are wrong. Check both and try again.',
  'auth/expired': 'Your session is over. Sign in again.',
  'auth/removed':
    'This device was signed out from another one. Everything that Kith kept here is gone; sign in to come back.',
  'auth/server-changed': 'This is not the server that you signed up with. Do not go on; ask the person who runs it.',
  'auth/rate-limited': 'Too many tries. Wait a minute and try again.',
  'account/name-taken': 'This name is taken. Choose another one.',
  'account/invite-needed': 'To join you need an invite. Ask somebody who is already here.',
  'account/unanswered':
    'The server does not answer, and may have changed your passwords all the same. Try again; if your current password fails then, use the new one in its place.',
  'recovery/failed': 'These words do not open this account. Check the name and the order of the words.',
  'request/invalid': 'The server did not understand that. Reload the page and try again.',
  'request/forbidden-origin':
    'This page is not served from the address that the server expects. Open Kith at its own address.',
  'request/not-found': 'There is nothing here.',
  'request/too-large': 'That is larger than this server takes.',
  'request/range': 'That part of the file does not exist.',
  'storage/full': 'The server’s disk is full. Nothing was lost; try again when there is room.',
  'server/unreachable': 'The server does not answer. Kith goes on when it is back.',
  'server/unavailable': 'The server has a problem. Try again in a moment.',
  'server/bad-answer': 'The server answered with something else than Kith asked for. Nothing of it was used.',
  'media/not-found': 'This item is not here any more.',
  'media/not-ready': 'This item is still being uploaded.',
  'job/lease-lost': 'The worker lost this job; another one takes it.',
  'job/not-found': 'This job is not there any more.',
  'job/cancelled': 'Cancelled.',
  'job/unprocessable': 'This file could not be processed. The original can still be downloaded.',
  'job/stalled': 'Processing stood still and was stopped. It can be tried again.',
  'worker/unknown': 'The server does not know this worker.',
  'upload/source-changed': 'This is not the same file as before. Its upload starts over.',
  'upload/too-many':
    'Too many of your uploads are half done, perhaps on another device. This one goes on when some of them are through.',
  'upload/no-room':
    'There is no room on this device for the sealed copy. Free some space; the upload goes on by itself.',
  'offline/no-room': 'There is not enough room on this device. Nothing of it was kept. Make room, then try again.',
  'offline/unavailable': 'This browser cannot keep files. Use another browser, or leave the private window.',
  'offline/storage': 'The browser could not write this down. Try again; if it stays so, restart the browser.',
}

export const OUTDATED =
  'A newer version of Kith runs in another tab, and this one can do nothing more. Reload it; uploads go on then.'

/** Why the page is to be loaded again. */
export const RELOADS: Record<ReloadReason, string> = {
  player: 'To play videos this page has to be loaded again.',
  versions: 'This page is not of the same version as the part of Kith that works behind it. It has to be loaded again.',
}

/** The sentence for any failure. */
export function sentenceFor(error: unknown): string {
  if (isOutdated(error)) return OUTDATED
  return SENTENCES[isAppError(error) ? error.code : 'internal']
}

export function sentenceForCode(code: ErrorCode): string {
  return SENTENCES[code]
}
