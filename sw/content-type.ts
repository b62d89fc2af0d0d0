const BY_ENDING: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  m4s: 'video/iso.segment',
  mp4: 'video/mp4',
  vtt: 'text/vtt; charset=utf-8',
  webp: 'image/webp',
}
/** What is shown in place. Everything else, HTML and SVG above all, is only ever offered as a download. */
const UNKNOWN = 'application/octet-stream'

/** Type of a rendition's file by its name. */
export function typeByName(name: string): string {
  return BY_ENDING[name.slice(name.lastIndexOf('.') + 1)] ?? UNKNOWN
}

type Signature = { readonly at: number; readonly text: string; readonly type: string }
const SIGNATURES: readonly Signature[] = [
  { at: 0, text: '\xff\xd8\xff', type: 'image/jpeg' },
  { at: 0, text: '\x89PNG\r\n\x1a\n', type: 'image/png' },
  { at: 0, text: 'GIF8', type: 'image/gif' },
  { at: 8, text: 'WEBP', type: 'image/webp' },
  { at: 8, text: 'WAVE', type: 'audio/wav' },
  { at: 0, text: '\x1a\x45\xdf\xa3', type: 'video/webm' },
  { at: 0, text: 'OggS', type: 'audio/ogg' },
  { at: 0, text: 'fLaC', type: 'audio/flac' },
  { at: 0, text: 'ID3', type: 'audio/mpeg' },
  { at: 0, text: '\xff\xfb', type: 'audio/mpeg' },
  { at: 0, text: '\xff\xf3', type: 'audio/mpeg' },
  { at: 0, text: '\xff\xf2', type: 'audio/mpeg' },
  { at: 0, text: '\xff\xf1', type: 'audio/aac' },
  { at: 0, text: '\xff\xf9', type: 'audio/aac' },
]
const BRANDS: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  avis: 'image/avif',
  heic: 'image/heic',
  heix: 'image/heic',
  mif1: 'image/heic',
  'qt  ': 'video/quicktime',
  'M4A ': 'audio/mp4',
}

/**
 * Type of an original by its first bytes: what a person or a server calls it counts for nothing, so that a page
 * dressed up as a photo never runs.
 */
export function sniffType(head: Uint8Array): string {
  const text = String.fromCharCode(...head.subarray(0, 32))
  if (text.startsWith('ftyp', 4)) return BRANDS[text.slice(8, 12)] ?? 'video/mp4'
  return SIGNATURES.find(({ at, text: mark }) => text.startsWith(mark, at))?.type ?? UNKNOWN
}

/** Whether a browser may show this type in place. */
export function isShown(type: string): boolean {
  return /^(image|video|audio)\//.test(type)
}
