/**
 * Demuxers that ffmpeg may choose from, by their short names. What is missing is missing on purpose: every format that names
 * other files or hosts (hls, dash, concat, sdp, rtsp, imf, webm_dash_manifest …), scripts (avs, vapoursynth), raw data and devices.
 */
export const ALLOWED_DEMUXERS: readonly string[] = [
  ...[
    'mov',
    'mp4',
    'm4a',
    '3gp',
    'matroska',
    'webm',
    'avi',
    'mpegts',
    'mpeg',
    'flv',
    'asf',
    'ogg',
    'mxf',
    'nut',
    'dv',
    'ivf',
  ],
  ...['h264', 'hevc', 'm4v', 'mpegvideo', 'rm', 'wtv'],
  ...['mp3', 'aac', 'flac', 'wav', 'w64', 'aiff', 'caf', 'amr', 'ape', 'wv', 'tta', 'ac3', 'eac3', 'dts'],
]

/** Bytes that `sniff` wants to see, from the start of the file. */
export const SNIFF_BYTES = 512

/** What the first bytes say: an image is left alone, a playlist is refused before ffmpeg sees it, the rest is for ffprobe. */
export type Sniffed = 'image' | 'playlist' | 'unknown'

const HEIF_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1', 'avif', 'avis'])
const IMAGE_MAGIC: readonly (readonly [offset: number, magic: string])[] = [
  [0, '\xff\xd8\xff'],
  [0, '\x89PNG\r\n'],
  [0, 'GIF8'],
  [8, 'WEBP'],
  [0, 'BM'],
  [0, 'II*\0'],
  [0, 'MM\0*'],
  [0, '\xff\x0a'],
  [4, 'JXL \r\n'],
]
const PLAYLIST =
  /^\s*(#EXTM3U|ffconcat|v=0\s|<\?xml[\s\S]*<(MPD|smil|asx)\b|<(MPD|smil|asx)\b|\[playlist\]|\[Reference\]|RTSPtext|file\s+['"\w/])/i

export function sniff(head: Uint8Array): Sniffed {
  const text = String.fromCharCode(...head.subarray(0, SNIFF_BYTES))
  if (IMAGE_MAGIC.some(([offset, magic]) => text.startsWith(magic, offset))) return 'image'
  if (text.startsWith('ftyp', 4) && HEIF_BRANDS.has(text.slice(8, 12))) return 'image'
  return PLAYLIST.test(text.replace(/^\xef\xbb\xbf/, '')) ? 'playlist' : 'unknown'
}
