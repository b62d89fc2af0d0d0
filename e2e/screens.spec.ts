import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import type { Locator, Page } from '@playwright/test'
import type { ConversationScreen } from '../client/chat/conversation-screen.ts'
import { readInstance } from '../shared/wire/accounts.ts'
import { corpusFile, makePhoto, makeVideo } from './support/media.ts'
import { PASSWORD, type Person } from './support/person.ts'
import { expect, test } from './support/test.ts'

const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
]
const SEEN_ANEW = ['color-contrast', 'link-in-text-block', 'target-size', 'scrollable-region-focusable']
/** Where to keep pictures of every screen; nothing is kept without it. */
const folder = process.env.KITH_SCREENSHOTS

/**
 * axe finds nothing in one theme on a phone and in the other on a wide screen; what is typed into makes no
 * phone zoom; pictures of all four on demand.
 * @param isOther on a wide screen other things stand beside each other: then axe, too, looks at all four.
 */
async function look(page: Page, name: string, isOther = false): Promise<void> {
  const small = await page
    .locator('input:visible:not([type=radio], [type=checkbox]), select:visible, textarea:visible')
    .evaluateAll((fields) =>
      fields
        .filter((field) => Number.parseFloat(getComputedStyle(field).fontSize) < 16)
        .map(({ id, localName }) => `${localName} ${id}`),
    )
  expect(small, `${name}, fields below 16 px`).toEqual([])
  // A second tap is one, too: nothing waits for whether it was meant to zoom.
  const slow = await page
    .locator('button:visible, .button:visible')
    .evaluateAll((buttons) =>
      buttons
        .filter((button) => getComputedStyle(button).touchAction !== 'manipulation')
        .map((button) => button.textContent.trim()),
    )
  expect(slow, `${name}, taps that wait`).toEqual([])
  for (const [index, colorScheme] of (['light', 'dark'] as const).entries()) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    for (const [at, size] of SIZES.entries()) {
      const isChecked = isOther || at === index
      if (!isChecked && !folder) continue
      await page.setViewportSize(size)
      if (folder) {
        await mkdir(folder, { recursive: true })
        await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${size.width}.png`) })
      }
      if (!isChecked) continue
      // Without frames in it, the page alone can be asked; else each look would open another one.
      const axe = new AxeBuilder({ page }).setLegacyMode()
      // What the first look has found right does not depend on theme and width.
      if (index > 0 && !isOther) axe.withRules(SEEN_ANEW)
      const { violations } = await axe.analyze()
      const found = violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
      )
      expect(found, `${name}, ${colorScheme}, ${size.width} px`).toEqual([])
    }
  }
  await page.setViewportSize(SIZES[0] as (typeof SIZES)[number])
}

/** Beside a notch and above the line at the foot of a phone nothing is hidden. */
async function keepsToTheSafeArea(page: Page): Promise<void> {
  await expect(page.locator('meta[name=viewport]')).toHaveAttribute('content', /width=device-width.*viewport-fit=cover/)
  const main = page.getByRole('navigation', { name: 'Main' })
  const places = async () => {
    const [first, upload, edge] = await Promise.all([
      main.getByRole('link').first().boundingBox(),
      page.getByRole('button', { name: 'Upload' }).boundingBox(),
      page.locator('kith-app .frame').evaluate((frame) => getComputedStyle(frame).paddingTop),
    ])
    return { foot: first?.y ?? 0, left: first?.x ?? 0, upload: upload?.y ?? 0, top: Number.parseFloat(edge) }
  }
  const before = await places()
  const devtools = await page.context().newCDPSession(page)
  const insets = { top: 47, left: 11, bottom: 34, right: 13 }
  await devtools.send('Emulation.setSafeAreaInsetsOverride', { insets })
  await expect
    .poll(places)
    .toEqual({ foot: before.foot - 34, left: before.left + 11, upload: before.upload - 34, top: before.top + 47 })
  // On its side, where both ends are round; and a screen that is wide enough for tabs at the side.
  for (const [size, sides] of [
    [
      { width: 932, height: 430 },
      { top: 0, left: 59, bottom: 21, right: 59 },
    ],
    [
      { width: 1280, height: 800 },
      { top: 24, left: 31, bottom: 20, right: 31 },
    ],
  ] as const) {
    await page.setViewportSize(size)
    await devtools.send('Emulation.setSafeAreaInsetsOverride', { insets: sides })
    await expect
      .poll(() => page.locator('kith-app').evaluate(whatIsAmissWithTabs, sides), JSON.stringify(size))
      .toEqual([])
    await expect(page.getByRole('button', { name: 'Upload' })).toBeInViewport({ ratio: 1 })
    if (folder) await page.screenshot({ path: join(folder, `09-library-safe-area-${size.width}.png`) })
  }
  await page.setViewportSize(SIZES[0] as (typeof SIZES)[number])
  await devtools.send('Emulation.setSafeAreaInsetsOverride', { insets: {} })
  await expect.poll(places).toEqual(before)
  await devtools.detach()
}

/** In the page: tabs that are not whole where one can see and reach them, and what they cover for good. */
function whatIsAmissWithTabs(
  app: Element,
  safe: { top: number; left: number; bottom: number; right: number },
): string[] {
  const nav = app.shadowRoot?.querySelector('nav')
  const frame = app.shadowRoot?.querySelector('.frame')
  if (!nav || !frame) return ['no tabs']
  scrollTo(0, document.documentElement.scrollHeight)
  const links = [...nav.querySelectorAll('a')]
  const amiss = links.filter((link) => {
    const { left, top, right, bottom } = link.getBoundingClientRect()
    const isInside =
      left >= safe.left && top >= safe.top && right <= innerWidth - safe.right && bottom <= innerHeight - safe.bottom
    return !isInside || right - left < 44 || bottom - top < 44
  })
  const padding = getComputedStyle(frame)
  const [bar, whole] = [nav.getBoundingClientRect(), frame.getBoundingClientRect()]
  const isBeside = whole.left + Number.parseFloat(padding.paddingLeft) >= bar.right
  const isAbove = whole.bottom - Number.parseFloat(padding.paddingBottom) <= bar.top
  scrollTo(0, 0)
  return [...amiss.map(({ textContent }) => textContent.trim()), ...(isBeside || isAbove ? [] : ['covers the screen'])]
}

test('every screen can be used by everybody, in both themes', async ({ world, arrive }) => {
  test.setTimeout(480_000)
  const ada = await arrive('ada')
  const { page } = ada
  await page.goto(world.origin)
  await expect(page.getByRole('heading', { name: 'Make your circle' })).toBeVisible()
  await look(page, '01-welcome')
  await page.getByLabel('Your name').fill('ada')
  await page.getByLabel('Name of your circle').fill('The Lindens')
  await page.getByLabel('Password', { exact: true }).fill('password123456')
  await expect(page.getByText('Easy to guess')).toBeVisible()
  await page.getByRole('button', { name: 'Make the circle' }).click()
  await expect(page.getByRole('alert')).toContainText('too easy to guess')
  await look(page, '02-weak-password')
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Make the circle' }).click()
  await expect(page.getByRole('heading', { name: 'Write down your recovery key' })).toBeVisible()
  await look(page, '02-recovery')
  await ada.confirmRecovery()
  await look(page, '03-library-empty')
  await world.startWorker()
  await ada.go('Circle')
  await expect(page.locator('.fingerprint')).toBeVisible()
  await look(page, '04-circle-worker')
  await ada.enrolWorker()
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  await look(page, '05-invite')
  await page.getByRole('button', { name: 'Make the invite' }).click()
  await expect(page.getByTestId('invite-link')).toBeVisible()
  await look(page, '06-invite-made')
  const link = (await page.getByTestId('invite-link').textContent()) ?? ''
  await page.getByRole('button', { name: 'Close' }).click()

  const video = corpusFile('big-buck-bunny-480p-30s.mp4') ?? join(world.folder, 'sea.mp4')
  const text = join(world.folder, 'Reading list.txt')
  const broken = join(world.folder, 'Broken clip.mp4')
  if (!corpusFile('big-buck-bunny-480p-30s.mp4')) await makeVideo(video, { seconds: 6 })
  await writeFile(text, 'One, two, three')
  await writeFile(broken, Buffer.alloc(9000, 3))
  const photos = ['photo-rotated.jpg', 'photo-gps.jpg', 'animated.webp'].flatMap((name) => corpusFile(name) ?? [])
  await ada.upload(video, text, broken, ...photos)
  await ada.go('Activity')
  await look(page, '07-activity')
  const title = video.includes('bunny') ? 'big-buck-bunny-480p-30s' : 'sea'
  await ada.finished(title)
  await look(page, '08-activity-done')
  await ada.go('Library')
  await expect(page.getByRole('link', { name: new RegExp(`^${title}`) })).toBeVisible()
  await page.waitForFunction(allPicturesShown)
  await look(page, '09-library')
  await keepsToTheSafeArea(page)
  await ada.open(title)
  await ada.plays()
  await page.locator('video').evaluate((element: HTMLVideoElement) => element.pause())
  await look(page, '10-viewer')
  await page.getByRole('button', { name: 'Edit' }).click()
  await look(page, '11-edit')
  await page.getByRole('button', { name: 'Close' }).click()
  await ada.open('Broken clip')
  await expect(page.getByTestId('not-processed')).toBeVisible()
  await look(page, '12-not-processed')

  // Deleting can be taken back.
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(page.getByRole('heading', { name: 'Broken clip' })).toBeVisible()
  await ada.go('Settings')
  await look(page, '13-settings')
  await page.getByRole('button', { name: 'Lock now' }).click()
  await expect(page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await look(page, '14-locked')

  const ben = await arrive('ben')
  await ben.page.goto(`${world.origin}/join`)
  await expect(ben.page.getByRole('heading', { name: 'Join a circle' })).toBeVisible()
  await look(ben.page, '15-join-words')
  await ben.page.goto('about:blank')
  await ben.page.goto(link.trim())
  await expect(ben.page.getByRole('heading', { name: 'Join The Lindens' })).toBeVisible()
  expect(ben.page.url()).not.toContain('#')
  await look(ben.page, '16-join')
  await ben.joinBy(link.trim())
  const cleo = await arrive('cleo')
  await cleo.page.goto(`${world.origin}/`)
  await expect(cleo.page.getByRole('heading', { name: 'Welcome back' })).toBeVisible()
  await look(cleo.page, '17-sign-in')
  await cleo.page.getByRole('button', { name: 'I forgot my password' }).click()
  await look(cleo.page, '18-recover')

  await ada.unlock()
  await becomeFriends(ada, ben)
  await talk(ada, ben, photos)
  await talkByKeyboard(ada, ben)
  await manageByKeyboard(ada, ben, await makePhoto(join(world.folder, 'tomatoes.jpg')))
  await ada.open(title)
  await page.getByRole('button', { name: 'Send to a friend' }).click()
  await expect(page.getByRole('button', { name: 'Send to ben' })).toBeEnabled()
  await look(page, '38-share')
})

test('by keyboard alone from the first screen to a video and to an invite, and nothing moves for whoever wants no motion', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  const { page } = ada
  const { keyboard } = page
  // What waits for the server breathes, unless no motion is wanted.
  const late = Promise.withResolvers<void>()
  world.relay.gate = async (_method, path) => {
    if (path === readInstance.path) await late.promise
  }
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  await page.goto(world.origin)
  await expect(page.locator('.skeleton')).toBeVisible()
  expect(await page.evaluate(whatMoves)).toEqual(['skeleton tall'])
  await page.emulateMedia({ reducedMotion: 'reduce' })
  expect(await page.evaluate(whatMoves)).toEqual([])
  late.resolve()

  await tabTo(page, page.getByLabel('Your name'), 'Tab', 2)
  await keyboard.type('ada')
  await tabTo(page, page.getByLabel('Password', { exact: true }), 'Tab', 1)
  await keyboard.type(PASSWORD)
  await tabTo(page, page.getByLabel('Name of your circle'), 'Tab', 2)
  await keyboard.type('The Lindens')
  await tabTo(page, page.getByRole('button', { name: 'Make the circle' }), 'Tab', 1)
  await keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Write down your recovery key' })).toBeVisible()
  const words = await page.getByRole('list', { name: 'Recovery key' }).getByRole('listitem').allTextContents()
  await tabTo(page, page.getByRole('button', { name: 'I wrote them down' }), 'Tab', 4)
  await keyboard.press('Enter')
  for (const field of await page.getByLabel(/^Word \d+$/).all()) {
    await tabTo(page, field, 'Tab', 2)
    await keyboard.type(words[Number((await field.getAttribute('id'))?.replace('word-', ''))] ?? '')
  }
  await keyboard.press('Enter')
  await expect(page.getByRole('button', { name: 'Upload' })).toBeVisible()

  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 4, width: 320, height: 240 })
  await ada.upload(video)
  const tile = page.locator('[href^="/item/"]').and(page.getByRole('link', { name: /^sea/ }))
  await expect(tile).toBeVisible()
  await expect(page.getByRole('link', { name: /Uploading/ })).toHaveCount(0)
  expect(await page.evaluate(whatMoves)).toEqual([])
  await tabTo(page, page.getByRole('button', { name: 'Upload' }))
  await tabTo(page, tile)
  await keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'sea' })).toBeVisible()
  const player = page.locator('video')
  await tabTo(page, page.getByRole('button', { name: 'Back' }))
  await tabTo(page, page.getByRole('link', { name: 'Download the original' }).first())
  await tabTo(page, player)
  const isPaused = () => player.evaluate((element: HTMLVideoElement) => element.paused)
  const before = await isPaused()
  await keyboard.press('Space')
  await expect.poll(isPaused).toBe(!before)
  await tabTo(page, page.getByRole('button', { name: 'Back' }), 'Shift+Tab')
  await keyboard.press('Enter')
  await expect(tile).toBeVisible()

  await tabTo(page, page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Circle' }))
  await keyboard.press('Enter')
  const invite = page.getByRole('button', { name: 'Invite', exact: true })
  // The focus goes where the new screen begins, also from where a hasty Tab has led.
  await expect(invite).toBeVisible()
  await tabTo(page, invite)
  await keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Invite somebody' })
  await expect(dialog).toBeVisible()
  expect(await page.evaluate(whatMoves)).toEqual([])
  await keyboard.press('Escape')
  await expect(dialog).toHaveCount(0)
  await expect(invite).toBeFocused()
  await keyboard.press('Enter')
  for (const label of ['Comes in as', 'As', 'Valid for', 'People']) {
    await tabTo(page, page.getByLabel(label, { exact: true }), 'Tab', 2)
  }
  await tabTo(page, page.getByRole('button', { name: 'Make the invite' }), 'Tab', 1)
  await keyboard.press('Enter')
  await expect(page.getByTestId('invite-link')).toBeVisible()
  await tabTo(page, page.getByRole('button', { name: 'Copy the link' }))
  await keyboard.press('Escape')
  await expect(dialog).toHaveCount(0)
  await expect(invite).toBeFocused()
})

/** In the page: the classes of everything that an animation moves. */
function whatMoves(): string[] {
  const found = new Set<string>()
  const visit = (root: Document | ShadowRoot) => {
    for (const { effect, playState } of root.getAnimations()) {
      if (playState === 'running' && effect instanceof KeyframeEffect) found.add(effect.target?.className ?? '')
    }
    for (const { shadowRoot } of root.querySelectorAll('*')) if (shadowRoot) visit(shadowRoot)
  }
  visit(document)
  return [...found]
}

/** Ben looks for ada, and she for him. */
async function becomeFriends(ada: Person, ben: Person): Promise<void> {
  const { page } = ben
  await ben.go('Chats')
  await expect(page.getByText('Nobody to write to yet')).toBeVisible()
  await look(page, '19-chats-empty')
  await ben.go('Friends')
  await expect(page.getByText('Nobody yet.')).toBeVisible()
  await look(page, '20-friends-empty')
  await page.getByRole('button', { name: 'My link' }).click()
  await expect(page.getByRole('img', { name: 'QR code of your link' })).toBeVisible()
  await look(page, '21-link')
  await page.keyboard.press('Escape')
  await expect(page.getByRole('button', { name: 'My link' })).toBeFocused()
  await page.getByRole('button', { name: 'Scan code' }).click()
  await expect(page.getByText('The camera cannot be used.')).toBeVisible()
  await look(page, '22-scan')
  await page.keyboard.press('Escape')
  await page.getByLabel('Name or link').fill('ada')
  await tabTo(page, page.getByRole('list', { name: 'Found' }).getByRole('button', { name: 'Ask' }))
  await page.keyboard.press('Enter')
  await look(page, '23-ask')
  await page.getByLabel(/^Note/).fill('We sing in the same choir: alto, second row, the one with the green scarf.')
  await tabTo(page, page.locator('kith-dialog').getByRole('button', { name: 'Ask' }))
  await page.keyboard.press('Enter')
  await expect(page.getByText('no answer yet')).toBeVisible()
  await look(page, '24-friends-asked')
  await ada.go('Friends')
  await expect(ada.page.getByText('We sing in the same choir')).toBeVisible()
  await look(ada.page, '25-friends-asks')
  await tabTo(ada.page, ada.page.getByRole('button', { name: 'Accept' }))
  await ada.page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Your friends' })).toBeVisible()
  await look(page, '26-friends')
  const menu = page.getByRole('button', { name: 'More about ada' })
  await tabTo(page, menu)
  await page.keyboard.press('Enter')
  await look(page, '27-friend-menu')
  await tabTo(page, page.getByRole('button', { name: 'Block' }))
  await page.keyboard.press('Enter')
  await tabTo(page, page.locator('confirm-dialog').getByRole('button', { name: 'Block' }))
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Blocked' })).toBeVisible()
  await look(page, '27-blocked')
  await tabTo(page, page.getByRole('button', { name: 'Unblock' }))
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Your friends' })).toBeVisible()
  await tabTo(page, menu)
  await page.keyboard.press('Enter')
  await tabTo(page, page.getByRole('button', { name: 'Verify' }))
  await page.keyboard.press('Enter')
  await expect(page.getByRole('list', { name: 'Safety number' })).toBeVisible()
  await look(page, '28-verify')
  await tabTo(page, page.getByRole('button', { name: 'They are the same' }))
  await page.keyboard.press('Enter')
  await expect(page.getByText('Verified.')).toBeVisible()
  await look(page, '28-verified')
  await tabTo(page, page.getByRole('button', { name: 'Take the mark back' }))
  await page.keyboard.press('Enter')
  await expect(page.getByText('Verified.')).toHaveCount(0)
  // The menu gave way to it: the focus goes back to where both began.
  await page.keyboard.press('Escape')
  await expect(menu).toBeFocused()
}

/** A conversation with everything that there is in one. */
async function talk(ada: Person, ben: Person, photos: readonly string[]): Promise<void> {
  const { page } = ben
  await page.getByRole('link', { name: 'Write to ada' }).click()
  await expect(page.getByText('Say hello to ada.')).toBeVisible()
  await look(page, '29-conversation-empty')
  await ada.page.getByRole('link', { name: 'Write to ben' }).click()
  await say(ada.page, 'Are the tomatoes ripe yet? I would come by on Saturday, with the big pot and the long list.')
  await expect(row(page, 'tomatoes')).toBeVisible()
  await say(page, 'Not quite: https://example.org/garden/with/a/rather/long/address/that/has/to/be/broken/somewhere')
  await say(page, 'This was for somebody else')
  await say(page, 'Next week')
  await say(ada.page, '🍅')
  if (photos[0]) {
    await ada.page.getByLabel('Files to send').setInputFiles(photos[0])
    await expect(page.getByRole('img', { name: 'photo-rotated' })).toBeVisible()
    await page.waitForFunction(allPicturesShown)
  }
  await expect(row(page, '🍅')).toBeVisible()
  await menuOf(page, 'somebody else').click()
  await look(page, '30-message-menu')
  await page.getByRole('button', { name: 'Delete for both' }).click()
  await look(page, '31-delete-for-both')
  await page.locator('message-menu').getByRole('button', { name: 'Delete for both', exact: true }).click()
  await expect(row(ada.page, 'This message was deleted.')).toBeVisible()
  await menuOf(page, 'Next week').click()
  await page.getByRole('button', { name: 'Edit' }).click()
  await page.getByRole('textbox', { name: 'Message' }).fill('In two weeks')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(row(ada.page, 'In two weeks')).toContainText('edited')
  await menuOf(ada.page, 'In two weeks').click()
  await ada.page.getByRole('button', { name: '👍' }).click()
  await menuOf(ada.page, 'In two weeks').click()
  await ada.page.getByRole('button', { name: 'Reply' }).click()
  await look(ada.page, '32-conversation-reply')
  await say(ada.page, 'Good, I wait')
  await expect(row(page, 'Good, I wait')).toBeVisible()
  await look(page, '33-conversation', true)
  await page.getByRole('button', { name: 'Search in this chat' }).click()
  await page.getByRole('searchbox', { name: 'Search in this chat' }).fill('tomatoes')
  await expect(page.getByText('1 of 1')).toBeVisible()
  await look(page, '34-conversation-search')
  await page.getByRole('searchbox', { name: 'Search in this chat' }).press('Escape')
  await expect(page.getByRole('button', { name: 'Search in this chat' })).toBeFocused()
  await page.getByRole('button', { name: 'Disappearing messages' }).click()
  await look(page, '35-disappearing')
  await page.getByLabel('Messages disappear').selectOption({ label: 'After 7 days' })
  await page.getByRole('button', { name: 'Set for ada and you' }).click()
  await expect(row(ada.page, 'Messages disappear after 7 days')).toBeVisible()
  await ben.go('Chats')
  await say(ada.page, 'See you on Saturday')
  await expect(page.getByRole('link', { name: /ada.*1 unread/s })).toBeVisible()
  await look(page, '36-chats')
}

/** Without a mouse: each step shows where one is, and leads back to where it began. */
async function talkByKeyboard(ada: Person, ben: Person): Promise<void> {
  const { page } = ben
  const { keyboard } = page
  const message = page.getByRole('textbox', { name: 'Message' })
  await tabTo(page, page.getByRole('link', { name: /^ada/ }))
  await keyboard.press('Enter')
  await expect(message).toBeFocused()
  await keyboard.type('Written without a mouse')
  await keyboard.press('Enter')
  await expect(row(ada.page, 'without a mouse')).toBeVisible()
  await expect(message).toBeFocused()
  // What was there is not read out; what comes is, once.
  const heard = page.getByRole('log')
  await expect(heard).toHaveText('')
  await say(ada.page, 'Can you hear me?')
  await expect(heard).toHaveText('ada: Can you hear me?')

  // The answer will quote it.
  const asked = menuOf(page, 'Can you hear me?').first()
  await tabTo(page, asked, 'Shift+Tab')
  await keyboard.press('Enter')
  await tabTo(page, page.getByRole('button', { name: 'Reply' }))
  await look(page, '37-focus')
  await keyboard.press('Enter')
  await expect(message).toBeFocused()
  await keyboard.type('Loud and clear')
  await tabTo(page, page.getByRole('button', { name: 'Send' }))
  await keyboard.press('Enter')
  await expect(row(ada.page, 'Loud and clear').getByRole('button', { name: 'Can you hear me?' })).toBeVisible()
  // The button that sends is gone with what was written.
  await expect(message).toBeFocused()

  await tabTo(page, asked, 'Shift+Tab')
  await keyboard.press('Enter')
  await tabTo(page, page.getByRole('button', { name: '😂' }))
  await keyboard.press('Enter')
  await expect(row(ada.page, 'Can you hear me?').getByLabel('Reactions: 😂')).toBeVisible()
  await expect(asked).toBeFocused()

  const answer = menuOf(page, 'Loud and clear')
  await tabTo(page, answer)
  await keyboard.press('Enter')
  await tabTo(page, page.getByRole('button', { name: 'Delete for both…' }))
  await keyboard.press('Enter')
  await expect(page.getByRole('dialog', { name: 'Delete for both?' })).toBeVisible()
  await keyboard.press('Escape')
  await expect(answer).toBeFocused()
  await keyboard.press('Enter')
  await tabTo(page, page.getByRole('button', { name: 'Delete on this device' }))
  await keyboard.press('Enter')
  await expect(row(page, 'Loud and clear')).toHaveCount(0)
  await expect(page.getByRole('region', { name: 'Conversation' })).toBeFocused()

  await tabTo(page, page.getByRole('button', { name: 'Back' }), 'Shift+Tab')
  await keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'Chats' })).toBeVisible()
}

/** What else there is in a conversation, without a mouse; and how it looks where something is wrong. */
async function manageByKeyboard(ada: Person, ben: Person, photo: string): Promise<void> {
  const { page } = ben
  const { keyboard } = page
  const message = page.getByRole('textbox', { name: 'Message' })
  const act = async (target: Locator, key?: 'Shift+Tab') => {
    await tabTo(page, target, key)
    await keyboard.press('Enter')
  }
  await act(page.getByRole('link', { name: /^ada/ }))
  await expect(message).toBeFocused()

  const search = page.getByRole('button', { name: 'Search in this chat' })
  await act(search, 'Shift+Tab')
  await keyboard.type('without a mouse')
  await expect(page.getByText('1 of 1')).toBeVisible()
  await keyboard.press('Escape')
  await expect(search).toBeFocused()

  const timer = page.getByRole('button', { name: 'Disappearing messages' })
  await act(timer)
  await tabTo(page, page.getByLabel('Messages disappear'))
  await keyboard.press('ArrowDown')
  await act(page.getByRole('button', { name: 'Set for ada and you' }))
  await expect(row(ada.page, 'Messages disappear after 30 days')).toBeVisible()
  await expect(timer).toBeFocused()

  await act(menuOf(page, 'Written without a mouse'))
  await act(page.getByRole('button', { name: 'Edit' }))
  await expect(message).toBeFocused()
  await keyboard.press('End')
  await keyboard.type(', and changed')
  await act(page.getByRole('button', { name: 'Save' }))
  await expect(row(ada.page, 'Written without a mouse, and changed')).toContainText('edited')
  await expect(message).toBeFocused()

  const choosing = page.waitForEvent('filechooser')
  await act(page.getByRole('button', { name: 'Attach files' }), 'Shift+Tab')
  await (await choosing).setFiles(photo)
  const tile = page.getByRole('button', { name: 'Photo tomatoes.jpg, show large' })
  await expect(tile).toBeEnabled()
  await page.waitForFunction(allPicturesShown)
  await act(tile, 'Shift+Tab')
  await expect(page.getByRole('dialog', { name: 'tomatoes.jpg' })).toBeVisible()
  await page.waitForFunction(allPicturesShown)
  await look(page, '39-photo')
  await keyboard.press('Escape')
  await expect(tile).toBeFocused()

  // No microphone here: what it would hear is made up.
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = async () => new AudioContext().createMediaStreamDestination().stream
  })
  const record = page.getByRole('button', { name: 'Record a voice note' })
  await act(record)
  await expect(page.getByText(/^Recording/)).toBeVisible()
  await look(page, '40-recording')
  await act(page.getByRole('button', { name: 'Throw the voice note away' }), 'Shift+Tab')
  await expect(record).toBeFocused()

  await ada.page.getByRole('button', { name: 'More about ben' }).click()
  await ada.page.getByRole('button', { name: 'Block' }).click()
  await ada.page.locator('confirm-dialog').getByRole('button', { name: 'Block' }).click()
  await expect(ada.page.getByText('are not connected now')).toBeVisible()
  await tabTo(page, message, 'Shift+Tab')
  for (const text of ['Nobody hears this', 'Nor this']) {
    await keyboard.type(text)
    await keyboard.press('Enter')
    await expect(row(page, text).getByRole('alert')).toBeVisible()
  }
  await look(page, '41-failed')
  await act(row(page, 'Nor this').getByRole('button', { name: 'Take it back' }), 'Shift+Tab')
  await expect(row(page, 'Nor this')).toHaveCount(0)
  await ada.go('Friends')
  await ada.page.getByRole('button', { name: 'Unblock' }).click()
  await ada.page.getByRole('link', { name: 'Write to ben' }).click()
  await act(row(page, 'Nobody hears this').getByRole('button', { name: 'Try again' }), 'Shift+Tab')
  await expect(row(ada.page, 'Nobody hears this')).toBeVisible()

  await page.locator('conversation-screen').evaluate(pretendToBeBehind)
  await expect(page.getByText('2 messages are missing')).toBeVisible()
  await expect(page.getByText(/^ada has confirmed what was written until/)).toBeVisible()
  await look(page, '42-banners')
}

/** In the page: as it is shown where the server holds messages back, whatever comes meanwhile. */
function pretendToBeBehind(element: Element): void {
  const screen = element as ConversationScreen
  const pin = (on: object, name: string, value: unknown) =>
    Object.defineProperty(on, name, { get: () => value, set: () => undefined })
  const lines = screen.lines.map((line) => ({ ...line, message: { ...line.message, state: 'sent', sentAt: 0 } }))
  pin(screen, 'lines', lines)
  const conversation = screen.thread?.conversation
  if (conversation)
    pin(conversation, 'value', { ...conversation.value, missing: 2, hasConfirmed: true, lastConfirmedAt: Date.now() })
  screen.requestUpdate()
}

const row = (page: Page, text: string) => page.locator('message-row').filter({ hasText: text })
const menuOf = (page: Page, text: string) => row(page, text).getByRole('button', { name: 'More about this message' })
async function say(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
  await expect(row(page, text)).toBeVisible()
}

/** As far as it takes, and no further than a patient person would go; what has the focus shows it. */
async function tabTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab', steps = 30): Promise<void> {
  for (let step = 0; step < steps; step++) {
    await page.keyboard.press(key)
    await expect.poll(() => page.evaluate(showsFocus), `step ${step}`).toBe(true)
    if (await target.evaluate((element) => (element.getRootNode() as ShadowRoot).activeElement === element)) return
  }
  throw new Error('the keyboard does not lead there')
}

/** In the page: whether one sees where the keyboard is. */
function showsFocus(): boolean {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  if (!element || element === document.body) return true
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
}

/** In the page: whether the pictures of the grid that are in sight have come. */
function allPicturesShown(): boolean {
  const pictures: HTMLImageElement[] = []
  const visit = (root: Document | ShadowRoot) => {
    for (const element of root.querySelectorAll('*')) {
      if (element instanceof HTMLImageElement) pictures.push(element)
      if (element.shadowRoot) visit(element.shadowRoot)
    }
  }
  visit(document)
  return pictures.every((picture) => picture.complete && picture.naturalWidth > 0)
}
