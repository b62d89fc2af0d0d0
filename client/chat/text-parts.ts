export type TextPart = { readonly text: string; readonly href: string | null }

/** http and https alone: a message can lead nowhere else, and nothing of it is ever fetched for a preview. */
const LINK = /https?:\/\/[^\s<>"'“”]+/giu
/** What ends a sentence rather than an address. */
const TAIL = '.,;:!?…)]}'

/** Text with the links in it. */
export function textParts(text: string): TextPart[] {
  const parts: TextPart[] = []
  let at = 0
  for (const match of text.matchAll(LINK)) {
    const whole = match[0]
    const shown = balanced(whole) ? whole : withoutTail(whole)
    const url = URL.parse(shown)
    if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) continue
    if (match.index > at) parts.push({ text: text.slice(at, match.index), href: null })
    parts.push({ text: shown, href: url.href })
    at = match.index + shown.length
  }
  if (at < text.length) parts.push({ text: text.slice(at), href: null })
  return parts
}

/** A few emoji and nothing else are shown large. */
export function isEmojiAlone(text: string): boolean {
  const trimmed = text.trim()
  return (
    trimmed.length <= 32 && /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Emoji_Modifier}|\u200D|\s)+$/u.test(trimmed)
  )
}

/** From the end: an expression would look anew at every dot of a long row of them. */
function withoutTail(url: string): string {
  let end = url.length
  while (end > 0 && TAIL.includes(url.charAt(end - 1))) end--
  return url.slice(0, end)
}

/** `…/Garden_(poem)`: the bracket belongs to it. */
function balanced(url: string): boolean {
  return url.endsWith(')') && url.includes('(')
}
