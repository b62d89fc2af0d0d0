import { FormatError } from '../../shared/errors.ts'

/** RFC 6381 names of the tracks of an fMP4 init segment, as `avc1.640028,mp4a.40.2`. @throws {FormatError} */
export function codecsOf(init: Uint8Array): string {
  const names = children(box(init, 'moov'), 'trak').map((track) => {
    const table = ['mdia', 'minf', 'stbl', 'stsd'].reduce((parent, type) => box(parent, type), track)
    return trackCodec(table.subarray(8)) // version, flags, entry count
  })
  if (names.length === 0) throw new FormatError('init segment')
  return names.join(',')
}

/** ISO/IEC 14496-12 §8.5.2: a sample entry has fixed fields before its child boxes, 78 bytes for video, 28 for sound. */
function trackCodec(entries: Uint8Array): string {
  const video = children(entries, 'avc1')[0] ?? children(entries, 'avc3')[0]
  if (video !== undefined) {
    const record = box(video.subarray(78), 'avcC')
    return `avc1.${hex(record.subarray(1, 4))}` // profile, constraints, level
  }
  const sound = children(entries, 'mp4a')[0]
  if (sound !== undefined) return `mp4a.40.${audioObjectType(box(sound.subarray(28), 'esds').subarray(4))}`
  throw new FormatError('init segment')
}

/** ISO/IEC 14496-1 §7.2.6: ES_Descriptor (3) holds DecoderConfigDescriptor (4) holds DecoderSpecificInfo (5). */
function audioObjectType(descriptors: Uint8Array): number {
  const stream = descriptor(descriptors, 3)
  const config = descriptor(stream.subarray(3), 4)
  const specific = descriptor(config.subarray(13), 5)
  const type = (specific[0] ?? 0) >> 3
  return type === 31 ? 32 + ((((specific[0] ?? 0) & 7) << 3) | ((specific[1] ?? 0) >> 5)) : type
}

function descriptor(bytes: Uint8Array, tag: number): Uint8Array {
  let at = 1
  let size = 0
  let more = bytes[0] === tag
  while (more) {
    const byte = bytes[at++] ?? 0
    size = size * 128 + (byte & 0x7f)
    more = (byte & 0x80) !== 0
  }
  if (bytes[0] !== tag || at + size > bytes.length) throw new FormatError('init segment')
  return bytes.subarray(at, at + size)
}

function box(parent: Uint8Array, type: string): Uint8Array {
  const found = children(parent, type)[0]
  if (found === undefined) throw new FormatError('init segment')
  return found
}

/** Bodies of the boxes of one type. */
function children(parent: Uint8Array, type: string): Uint8Array[] {
  const found: Uint8Array[] = []
  const view = new DataView(parent.buffer, parent.byteOffset, parent.byteLength)
  for (let at = 0; at + 8 <= parent.length; ) {
    const size = view.getUint32(at)
    if (size < 8 || at + size > parent.length) break
    if (String.fromCharCode(...parent.subarray(at + 4, at + 8)) === type) found.push(parent.subarray(at + 8, at + size))
    at += size
  }
  return found
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
