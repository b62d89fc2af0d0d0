import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium, expect, test } from '@playwright/test'
import { LEAVE_OPEN } from '../../client/offline/background.ts'
import config from '../../playwright.config.ts'
import { corpusFile, makePhoto, makeVideo } from '../support/media.ts'
import { PASSWORD, Person } from '../support/person.ts'
import { World } from '../support/world.ts'
import { openChromium } from './chromium.ts'
import type { Engine } from './engine.ts'
import { openFirefox } from './firefox.ts'
import { Visitor } from './visitor.ts'
import { openWebKit } from './webkit.ts'

/** By the name of their project in `playwright.engines.config.ts`. */
const ENGINES: Record<string, () => Promise<Engine>> = {
  Chromium: openChromium,
  Firefox: openFirefox,
  WebKitGTK: openWebKit,
}

/** Whether `bin/setup --engines` found it; run by hand, without that, every one is tried. */
function isThere(name: string): boolean {
  if (name === 'Firefox') return process.env.KITH_FIREFOX !== ''
  return name !== 'WebKitGTK' || process.env.KITH_WEBKIT_DRIVER !== ''
}

/** The picture moves at or behind `seconds`. */
const PLAYS = (seconds: number) => `const [video] = deep((node) => node.localName === 'video')
if (!video) return false
video.muted = true
if (video.paused) video.play().catch(() => undefined)
return video.currentTime > ${seconds} + 0.2 && video.readyState > 2`

type Lacks = Record<'backgroundFetch' | 'room' | 'install' | 'passkey' | 'push', boolean>
/** What the engine has no interface for. */
const LACKS = `const prf = (await window.PublicKeyCredential?.getClientCapabilities?.())?.['extension:prf']
return {
  backgroundFetch: !('BackgroundFetchManager' in window),
  room: !('estimate' in (navigator.storage ?? {})),
  install: !('onbeforeinstallprompt' in window),
  passkey: !('PublicKeyCredential' in window) || prf === false,
  push: !('PushManager' in window),
}`

const INTERFACES = `const passkey = window.PublicKeyCredential
const capabilities = await passkey?.getClientCapabilities?.()
return JSON.stringify({
  push: 'PushManager' in window,
  backgroundFetch: 'BackgroundFetchManager' in window,
  persist: 'persist' in (navigator.storage ?? {}),
  passkey: passkey !== undefined,
  prf: capabilities?.['extension:prf'] ?? 'not told',
  install: 'onbeforeinstallprompt' in window,
  openFiles: 'launchQueue' in window,
})`

test('sign up, upload, play and seek, see a photo, keep it, chat, go on without the server', async () => {
  test.setTimeout(400_000)
  const { name } = test.info().project
  test.skip(!isThere(name), `${name} is not installed`)
  const open = ENGINES[name]
  if (!open) throw new Error(`nothing opens ${name}`)
  const world = await World.open()
  world.relay.letsCache = false
  const engine = await open()
  const visitor = new Visitor(engine)
  try {
    await walk(world, visitor)
    // Of what the walk does not do, whether the engine has the interface for it at all (docs/engines.md).
    const description = await visitor.value<string>(INTERFACES)
    test.info().annotations.push({ type: `${engine.name} ${engine.version}`, description })
  } catch (error) {
    const folder = join('test-results', 'engines')
    await mkdir(folder, { recursive: true })
    await engine.screenshot(join(folder, `${name}.png`)).catch(() => undefined)
    // Whether it was the browser that stood still, or Kith.
    const said = (program: { output: string } | undefined) => program?.output.slice(-8000) ?? ''
    await writeFile(join(folder, `${name}.server.log`), said(world.server))
    await writeFile(join(folder, `${name}.worker.log`), said(world.worker))
    throw error
  } finally {
    await engine.close()
    await world.close()
  }
})

async function walk(world: World, visitor: Visitor): Promise<void> {
  await visitor.goto(world.origin)
  await visitor.fill('Your name', 'ada')
  await visitor.fill('Password', PASSWORD)
  await visitor.fill('Name of your circle', 'Gartenfreunde')
  await visitor.click('button', 'Make the circle')
  await visitor.sees('Write down your recovery key')
  await confirmRecovery(visitor)
  await visitor.click('a', 'Circle')
  // It is let into those groups that are open by then.
  await visitor.sees('Gartenfreunde')
  await visitor.click('button', 'The same: let it in')
  await visitor.sees('The worker is in.')

  await visitor.click('a', 'Library')
  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 16, width: 640, height: 360 })
  const photo = corpusFile('photo-rotated.jpg') ?? (await makePhoto(join(world.folder, 'photo-rotated.jpg')))
  await visitor.sees('Upload')
  for (const [index, file] of [video, photo].entries()) {
    await visitor.upload('Files to upload', [file])
    // Some drivers come back before the page has heard of it.
    await visitor.until(
      `return deep((node) => node.localName === 'a' && node.pathname.startsWith('/item/')).length > ${index}`,
      'the upload shows',
    )
  }
  await visitor.click('a', 'Activity')
  await visitor.until(
    `return deep((node) => node.localName === 'li' && node.dataset.state === 'done' && named(node).includes('sea')).length > 0`,
    'the video is converted',
    60_000,
  )

  await visitor.click('a', 'Library')
  await openItem(visitor, 'sea')
  await visitor.until(PLAYS(0), 'the video plays')
  await visitor.value(`deep((node) => node.localName === 'video')[0].currentTime = 10`)
  await visitor.until(PLAYS(10), 'the video plays on after a seek')
  const lacks = await visitor.value<Lacks>(LACKS)
  const held = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method === 'GET' && /\/objects\//.test(path)) await held.promise
  }
  await visitor.click('button', 'Keep offline')
  await visitor.until(
    `const [button] = deep((node) => node.localName === 'button' && node.classList.contains('primary') && shown(node) && named(node) === 'Keep offline')
    button?.click()
    return button !== undefined`,
    'the button that keeps it',
  )
  await visitor.sees('It waits for its turn, or for the network.')
  await visitor.says(LEAVE_OPEN, lacks.backgroundFetch)
  held.resolve()
  world.relay.gate = undefined
  await visitor.sees('It plays without network.')

  await visitor.goto(world.origin)
  await limits(visitor, lacks)
  await visitor.click('a', 'Library')
  await openItem(visitor, 'photo-rotated')
  await visitor.until(
    `const [picture] = deep((node) => node.localName === 'img' && node.src.includes('/original'))
    return picture?.complete && picture.naturalWidth > 0`,
    'the photo shows',
  )

  await chat(world, visitor)

  await world.server.stop('SIGKILL')
  await visitor.goto(world.origin)
  await openItem(visitor, 'sea')
  await visitor.until(PLAYS(0), 'what was kept plays without the server')
  await visitor.value(`deep((node) => node.localName === 'video')[0].currentTime = 11`)
  await visitor.until(PLAYS(11), 'what was kept seeks without the server')
  expect(await visitor.value<string>(`return document.title`)).toContain('Kith')
}

/** What this engine cannot do is said in words, and nothing of that where it can. */
async function limits(visitor: Visitor, lacks: Lacks): Promise<void> {
  await visitor.click('a', 'Settings')
  await visitor.sees('Kith as an app')
  // Chromium offers it where it finds that it can be, which it does not in a window that keeps nothing.
  if (lacks.install) await visitor.says('This browser does not offer to install Kith now', true)
  await visitor.sees('Passkey')
  await visitor.says('This browser cannot unlock Kith with a passkey', lacks.passkey)
  await visitor.says('Unlock with a passkey', !lacks.passkey)
  await visitor.says('This browser cannot notify you while Kith is closed.', lacks.push)
  await visitor.click('a', 'What is kept, and room')
  await visitor.sees('One item takes')
  await visitor.says('This browser does not tell how much more would fit.', lacks.room)
  await visitor.says('more would fit.', true)
  await visitor.click('button', 'Back')
  await visitor.sees('Kith as an app')
}

/** A friend, in Chromium, comes by an invite; both write. */
async function chat(world: World, visitor: Visitor): Promise<void> {
  await visitor.goto(`${world.origin}/circle`)
  await visitor.click('button', 'Invite')
  await visitor.click('button', 'Make the invite')
  await visitor.until(`return deep((node) => node.dataset.testid === 'invite-link').length > 0`, 'the invite')
  const link = await visitor.value<string>(
    `return deep((node) => node.dataset.testid === 'invite-link')[0].textContent.trim()`,
  )
  const browser = await chromium.launch(config.use?.launchOptions ?? {})
  try {
    const ben = await Person.arrive(browser, world, 'ben')
    await ben.joinBy(link)
    await visitor.goto(`${world.origin}/friends`)
    await visitor.fill('Name', 'ben')
    await visitor.click('button', 'Ask')
    await visitor.until(
      `const [button] = deep((node) => node.localName === 'button' && node.classList.contains('primary') && shown(node) && named(node) === 'Ask')
      button?.click()
      return button !== undefined`,
      'the button that asks',
    )
    await visitor.sees('no answer yet')
    await ben.go('Friends')
    await ben.page.getByRole('button', { name: 'Accept' }).click()
    await visitor.click('a', 'Write to ben')
    await visitor.until(
      `const [field] = deep((node) => node.localName === 'textarea' && shown(node))
      if (!field) return false
      field.value = 'Grüße aus einem anderen Browser'
      field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))
      return true`,
      'the field for a message',
    )
    await visitor.click('button', 'Send')
    await ben.page.getByRole('link', { name: 'Write to ada' }).click()
    await expect(ben.page.locator('message-row').filter({ hasText: 'Grüße' })).toBeVisible()
    await ben.page.getByRole('textbox', { name: 'Message' }).fill('Sie sind angekommen')
    await ben.page.getByRole('button', { name: 'Send' }).click()
    await visitor.sees('Sie sind angekommen')
  } finally {
    await browser.close()
  }
}

async function confirmRecovery(visitor: Visitor): Promise<void> {
  const words = await visitor.value<string[]>(
    `return deep((node) => node.localName === 'li' && node.closest('[aria-label="Recovery key"]')).map((node) => node.textContent.trim())`,
  )
  expect(words).toHaveLength(24)
  await visitor.click('button', 'I wrote them down')
  await visitor.until(
    `const words = ${JSON.stringify(words)}
    const fields = deep((node) => /^word-/.test(node.id))
    for (const field of fields) {
      field.value = words[Number(field.id.replace('word-', ''))]
      field.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }))
    }
    return fields.length > 0`,
    'the fields for the words',
  )
  await visitor.click('button', 'Done')
  await visitor.sees('Upload')
}

async function openItem(visitor: Visitor, title: string): Promise<void> {
  await visitor.until(
    `const [link] = deep((node) => node.localName === 'a' && node.pathname.startsWith('/item/') && (named(node).startsWith('${title}') || node.querySelector('img')?.alt === '${title}'))
    link?.click()
    return link !== undefined`,
    `the item “${title}”`,
  )
}
