import { type Bytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import type { Rung } from '../ffmpeg/ladder.ts'
import { codecsOf } from './codecs.ts'
import { bandwidthOf, parseMediaPlaylist, renderMediaPlaylist, type Variant } from './playlist.ts'
import type { Uploads } from './uploads.ts'

/** A copied stream whose keyframes turn out to lie farther apart than this is encoded after all. */
export const LONGEST_SEGMENT_SECONDS = 12

export type Rendition = { readonly variant: Variant; readonly seconds: number; readonly longestSegmentSeconds: number }

/** Takes what ffmpeg writes for one rung: segments go on at once, the small rest when it is complete. */
export function createRenditionWriter(rung: Rung, frameRate: number, folder: string, uploads: Uploads) {
  const sizes = new Map<string, number>()
  let init: Bytes | undefined
  let playlist: Bytes | undefined
  return {
    async accept(file: string, body: Bytes): Promise<void> {
      if (file === 'init.mp4') init = body
      else if (file === 'index.m3u8') playlist = body
      else {
        sizes.set(file, body.length)
        await uploads.publish(`${folder}/${rung.name}/${file}`, body)
      }
    },
    /** Null when ffmpeg made nothing playable. @throws {FormatError} when what it made is not what it says */
    async finish(): Promise<Rendition | null> {
      if (init === undefined || playlist === undefined || sizes.size === 0) return null
      const segments = parseMediaPlaylist(fromUtf8(playlist)).map((segment) => ({
        ...segment,
        sizeBytes: sizes.get(segment.name) ?? 0,
      }))
      const { peak, average } = bandwidthOf(segments)
      const { name, width, height } = rung
      await uploads.publish(`${folder}/${name}/init.mp4`, init)
      await uploads.publish(`${folder}/${name}/index.m3u8`, utf8(renderMediaPlaylist(segments)))
      return {
        variant: { name, width, height, codecs: codecsOf(init), bandwidth: peak, averageBandwidth: average, frameRate },
        seconds: segments.reduce((sum, { seconds }) => sum + seconds, 0),
        longestSegmentSeconds: Math.max(...segments.map(({ seconds }) => seconds)),
      }
    },
  }
}
