/** What a reaction may be, as `shared/wire/message-body.ts` has it. */
const MAX_LENGTH = 32
/** A sequence by UTS #51, one of them; digits and signs count with their marks alone. */
const PART = String.raw`\p{Emoji}(?:\p{Emoji_Modifier}|\uFE0F?\u20E3|\uFE0F|[\u{E0020}-\u{E007E}]+\u{E007F})?`
const ONE = new RegExp(String.raw`^(?:\p{RI}\p{RI}|${PART}(?:\u200D${PART})*)$`, 'u')
const LOOKS_LIKE_ONE = /\p{Extended_Pictographic}|\p{RI}{2}|\u20E3/u

/** The one emoji that was typed; `null`: it is none, or more than one. */
export function oneEmoji(text: string): string | null {
  const typed = text.trim()
  return typed.length <= MAX_LENGTH && ONE.test(typed) && LOOKS_LIKE_ONE.test(typed) ? typed : null
}
