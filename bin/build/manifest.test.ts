import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { appManifest } from './manifest.ts'

const file = (src: string) => readFileSync(`client/public${src}`)
/** Width and height of a PNG (IHDR), resp. of a lossy WebP (VP8 frame header, RFC 6386 §9.1). */
function sizeOf(bytes: Buffer): string {
  if (bytes.readUInt32BE(0) === 0x89504e47) return `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`
  expect(bytes.toString('latin1', 8, 16)).toBe('WEBPVP8 ')
  return `${bytes.readUInt16LE(26) & 0x3fff}x${bytes.readUInt16LE(28) & 0x3fff}`
}

test('every picture that the manifest names is there, of the size that it says', () => {
  const { icons, shortcuts, screenshots } = appManifest
  const pictures = [...icons, ...screenshots, ...shortcuts.flatMap((one) => one.icons)]
  expect(pictures.length).toBeGreaterThan(8)
  for (const { src, sizes } of pictures) expect(sizeOf(file(src)), src).toBe(sizes)
})

test('icons for every launcher, screenshots for phone and desk', () => {
  const purposes = appManifest.icons.map((one) => ('purpose' in one ? one.purpose : 'any'))
  expect(purposes).toEqual(expect.arrayContaining(['any', 'maskable', 'monochrome']))
  const forms = appManifest.screenshots.map(({ form_factor }) => form_factor)
  expect(new Set(forms)).toEqual(new Set(['narrow', 'wide']))
})

test('says who it is, where it begins, and that one window is enough', () => {
  expect(appManifest).toMatchObject({
    // Without an id of its own a later start address would be another app.
    id: '/',
    start_url: '/',
    scope: '/',
    display: 'standalone',
    display_override: ['standalone', 'minimal-ui'],
    launch_handler: { client_mode: ['focus-existing', 'auto'] },
  })
  expect(appManifest.shortcuts.map(({ url }) => url)).toEqual(['/chats', '/friends', '/activity'])
})

test('takes shares as a form that never leaves the device, of anything', () => {
  const { action, method, enctype, params } = appManifest.share_target
  expect([action, method, enctype]).toEqual(['/share', 'POST', 'multipart/form-data'])
  expect(params.files[0]?.accept).toContain('*/*')
})
