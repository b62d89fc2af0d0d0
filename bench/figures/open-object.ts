import sodium from 'libsodium-wrappers'
import { objectId } from '../../shared/crypto/object-key.ts'
import { newKey, newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import { sealObject } from '../../shared/crypto/seal-object.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { concat } from '../../shared/format/bytes.ts'
import { objectPath } from '../../shared/wire/media.ts'
import { mediaUrl } from '../../shared/wire/page-sw.ts'
import { sendBytes, withBrowser } from '../browser.ts'
import { type Bench, figure, inTurn } from '../figure.ts'
import type { BenchPage } from '../pages/page.ts'

const SIZE_BYTES = 64 * 2 ** 20
const MESSAGE_BYTES = 4 * 2 ** 20
const ROUNDS = 7
declare const page: BenchPage

/** An object of 64 MiB in the Service Worker: opened by Kith's own door, passed on in plain, and by secretstream. */
export const bench: Bench = {
  name: 'open-object',
  async run(log) {
    const keys = { contentKey: newKey(), streamKey: newKey() }
    const mediaId = newMediaId()
    const plain = new Uint8Array(SIZE_BYTES).map((_, i) => (i * 2_654_435_761) >>> 24)
    const sealed = await sealObject({ contentKey: keys.contentKey, mediaId, name: 'original' }, plain, randomBytes(16))
    const stream = await secretstream(plain, keys.streamKey)
    const path = objectPath(mediaId, await objectId(keys.contentKey, 'original'))
    const files = new Map([
      [path, sealed],
      ['/plain/object', plain],
      ['/stream/object', stream],
    ])
    const answer: Parameters<typeof withBrowser>[1] = (request, response, asked) => {
      const bytes = files.get(asked)
      if (bytes) sendBytes(request, response, bytes)
      return bytes !== undefined
    }
    return withBrowser(['sw', 'page'], answer, async (tab) => {
      const text = { mediaId, contentKey: toBase64Url(keys.contentKey), streamKey: toBase64Url(keys.streamKey) }
      await tab.evaluate((given) => page.control(given), text)
      const parts = (url: string) => tab.evaluate(([at, size]) => page.readParts(at, size), [url, SIZE_BYTES] as const)
      const whole = (url: string) => tab.evaluate(([at, size]) => page.readAll(at, size), [url, SIZE_BYTES] as const)
      const url = mediaUrl(mediaId, 'original')
      await parts(url)
      await parts('/pass/object')
      const speed = (seconds: number) => SIZE_BYTES / 2 ** 20 / seconds
      const passed = await inTurn(
        ROUNDS,
        () => parts(url),
        () => parts('/pass/object'),
      )
      log('against secretstream')
      const streamed = await inTurn(
        ROUNDS,
        () => whole(url),
        () => whole('/secretstream/object'),
      )
      log('in memory')
      const open = (way: 'kith' | 'secretstream', at: string) =>
        tab.evaluate((given) => page.open(...given), [way, at, mediaId] as [typeof way, string, string])
      const opened = await inTurn(
        ROUNDS,
        () => open('kith', path),
        () => open('secretstream', '/stream/object'),
      )
      const [ours, again] = [speed(passed.ours), speed(streamed.ours)]
      return [
        figure(
          'open 64 MiB in the Service Worker, in parts of 2 MiB',
          'MiB/s',
          { ours, peer: speed(passed.peer), peerName: 'plain bytes passed through' },
          { atLeast: 0.5 },
        ),
        figure(
          'open 64 MiB in the Service Worker, as one stream',
          'MiB/s',
          { ours: again, peer: speed(streamed.peer), peerName: 'libsodium secretstream, 4 MiB messages' },
          // Both go the same way from server to page, which takes longer than opening: docs/decisions/opening-is-measured-by-itself.md.
          { atLeast: 1 },
        ),
        figure(
          'open 64 MiB in the Service Worker, ciphertext at hand',
          'MiB/s',
          { ours: speed(opened.ours), peer: speed(opened.peer), peerName: 'libsodium secretstream, 4 MiB messages' },
          { atLeast: 2.5 },
        ),
      ]
    })
  },
}

async function secretstream(plain: Uint8Array, key: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  await sodium.ready
  const { state, header } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key)
  const parts: Uint8Array[] = [header]
  for (let at = 0; at < plain.length; at += MESSAGE_BYTES) {
    const tag = at + MESSAGE_BYTES < plain.length ? 0 : sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
    parts.push(
      sodium.crypto_secretstream_xchacha20poly1305_push(state, plain.subarray(at, at + MESSAGE_BYTES), null, tag),
    )
  }
  return concat(...parts)
}
