import * as z from 'zod/mini'

/** What the server's newest version says of itself: the newest section of CHANGELOG.md, made by the build. */
export const WHATS_NEW_PATH = '/whats-new.json'
const MAX_BYTES = 8192
export const whatsNew = z.strictObject({
  version: z.string().check(z.maxLength(60)),
  lines: z.array(z.string().check(z.maxLength(400))).check(z.maxLength(40)),
})
export type WhatsNew = z.output<typeof whatsNew>

/** Past the Service Worker's shell, which is still the old one. `null` where it cannot be read: the update goes without. */
export async function readWhatsNew(fetched: typeof fetch = fetch): Promise<WhatsNew | null> {
  try {
    const response = await fetched(WHATS_NEW_PATH, { cache: 'no-store' })
    const text = response.ok ? await response.text() : ''
    return text.length > 0 && text.length <= MAX_BYTES ? whatsNew.parse(JSON.parse(text)) : null
  } catch {
    return null
  }
}
