import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import decodeQR from 'qr/decode.js'
import { makeVideo } from './support/media.ts'
import { Program } from './support/processes.ts'
import { expect, test } from './support/test.ts'

test('somebody comes in by eight words, sees what is shared, and is removed', async ({ world, arrive }) => {
  await world.startWorker()
  const ada = await arrive('ada')
  // The circle comes later than what is hers alone: one tap is for both, and is not offered before.
  const held = Promise.withResolvers<void>()
  const groups = new Set<string>()
  world.relay.gate = async (method, path) => {
    const [, group] = /^\/api\/groups\/([\w-]+)\/log/.exec(path) ?? []
    if (method !== 'GET' || !group) return
    groups.add(group)
    if (group !== [...groups][0]) await held.promise
  }
  await ada.makeCircle('Gartenfreunde')
  await ada.go('Circle')
  await expect(ada.page.getByRole('heading', { name: 'Workers' })).toBeVisible()
  await expect.poll(() => groups.size).toBe(2)
  // Nor is what is shared meanwhile for her alone, whichever of the two came first.
  const early = join(world.folder, 'early.mp4')
  await makeVideo(early, { seconds: 2, width: 320, height: 240 })
  await ada.go('Library')
  await ada.page.getByLabel('Files to upload').setInputFiles(early)
  await ada.go('Circle')
  await expect(ada.page.getByRole('heading', { name: 'Workers' })).toBeVisible()
  await expect(ada.page.getByRole('button', { name: 'The same: let it in' })).toHaveCount(0)
  held.resolve()
  await expect(ada.page.getByText('what only you see').first()).toContainText('Gartenfreunde')
  await ada.enrolWorker()
  const words = await ada.inviteByWords('member')
  const ben = await arrive('ben')
  await ben.page.goto(`${world.origin}/join`)
  await ben.page.getByLabel('Invite: the link or eight words').fill(words)
  await ben.page.getByRole('button', { name: 'Open the invite' }).click()
  await expect(ben.page.getByRole('heading', { name: 'Join Gartenfreunde' })).toBeVisible()
  await ben.page.getByLabel('Your name').fill('ben')
  await ben.page.getByLabel('Password', { exact: true }).fill('another-velvet-harbor-quartz-77')
  await ben.page.getByRole('button', { name: 'Join' }).click()
  await ben.confirmRecovery()
  await expect(ben.page.getByRole('link', { name: /^early/ })).toBeVisible()

  await ada.go('Circle')
  await expect(ada.page.getByText('ben', { exact: true })).toBeVisible()
  await ada.page.getByRole('button', { name: 'Remove ben' }).click()
  await ada.page.getByRole('button', { name: 'Remove ben' }).last().click()
  await expect(ada.page.getByText('ben', { exact: true })).toHaveCount(0)

  // What is shared from now on is sealed under a key that Ben never had; and the server gives him nothing.
  const video = join(world.folder, 'later.mp4')
  await makeVideo(video, { seconds: 2, width: 320, height: 240 })
  await ada.upload(video)
  await ada.finished('later')
  await ben.page.reload()
  await expect(ben.page.locator('[data-code="group/not-member"]').first()).toBeVisible()
  await expect(ben.page.getByRole('link', { name: /^later/ })).toHaveCount(0)
})

test('workers on other machines join by the link of an invite, whose QR code says the same, and by its words', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const link = await ada.invite('worker', async (shown) => {
    const code = ada.page.getByRole('img', { name: 'QR code of the invite link' })
    expect(await readQr(await code.screenshot())).toBe(shown)
  })
  const words = await ada.inviteByWords('worker')
  const joining = (name: string, ...invite: string[]) =>
    new Program(
      name,
      'worker/main.ts',
      ['join', ...invite],
      {
        KITH_WORKER_DATA: join(world.folder, name),
        KITH_WORKER_MAX_LOAD: '1000',
        KITH_WORKER_MAX_MEMORY_PERCENT: '100',
        KITH_WORKER_MIN_MEMORY_MB: '0',
        KITH_WORKER_MAX_SWAP_MB: '1000000',
      },
      join(world.folder, 'logs', `${name}.log`),
    )
  const spoken = joining('worker-by-words', words, '--server', world.origin)
  const away = joining('worker-by-link', link)
  try {
    await spoken.said(/^Joined/)
    // One is enough for what comes now.
    await spoken.stop('SIGKILL')
    await away.said(/^Joined/)
    const video = join(world.folder, 'sea.mp4')
    await makeVideo(video, { seconds: 2, width: 320, height: 240 })
    await ada.upload(video)
    await ada.finished('sea')
    await ada.open('sea')
    await ada.plays()
    expect(await away.stop('SIGTERM')).toBe(0)
  } finally {
    await Promise.all([spoken.stop('SIGKILL'), away.stop('SIGKILL')])
  }
})

/** What a QR code in a PNG says. */
async function readQr(png: Buffer): Promise<string> {
  const width = png.readUInt32BE(16) // PNG §11.2.2: IHDR comes first
  const height = png.readUInt32BE(20)
  const ffmpeg = ['-v', 'error', '-i', 'pipe:0', '-f', 'rawvideo', '-pix_fmt', 'rgba', 'pipe:1']
  const data = execFileSync('ffmpeg', ffmpeg, { input: png, maxBuffer: 2 ** 26 })
  return decodeQR({ width, height, data })
}

test('the 24 words open the account when the password is forgotten', async ({ world, arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const phone = await arrive('ada')
  const { page } = phone
  await page.goto(world.origin)
  await page.getByRole('button', { name: 'I forgot my password' }).click()
  await page.getByLabel('Your name').fill('ada')
  await page.getByLabel('Recovery key, 24 words').fill(ada.words.join(' '))
  await page.getByLabel('New password', { exact: true }).fill('a-new-lantern-over-the-bridge-5')
  await page.getByRole('button', { name: 'Set the password' }).click()
  await expect(page.getByRole('button', { name: 'Upload' })).toBeVisible({ timeout: 60_000 })
  await expect(page.getByRole('button', { name: 'Gartenfreunde' })).toBeVisible()

  const tablet = await arrive('ada')
  await tablet.signIn()
  await expect(tablet.page.getByRole('alert')).toContainText('Name or password are wrong')
  await tablet.signIn('a-new-lantern-over-the-bridge-5')
  await expect(tablet.page.getByRole('button', { name: 'Upload' })).toBeVisible({ timeout: 60_000 })
})

test('an owner renames the circle, hands it over and leaves', async ({ arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  await ben.go('Circle')
  await expect(ben.page.getByRole('button', { name: 'Rename the circle' })).toHaveCount(0)
  await expect(ben.page.getByLabel(/^Role of/)).toHaveCount(0)

  await ada.go('Circle')
  await ada.page.getByRole('button', { name: 'Rename the circle' }).click()
  await ada.page.getByLabel('Name', { exact: true }).fill('Tomatenfreunde')
  await ada.page.getByRole('button', { name: 'Save' }).click()
  await expect(ada.page.getByRole('heading', { name: 'Tomatenfreunde' })).toBeVisible()
  await expect(ada.page.getByText('You are its only owner.')).toBeVisible()
  for (const colorScheme of ['light', 'dark'] as const) {
    await ada.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect((await new AxeBuilder({ page: ada.page }).analyze()).violations).toEqual([])
  }
  await ada.page.getByLabel('Role of ben').selectOption('owner')
  await ada.page.getByRole('button', { name: 'Make ben an owner' }).click()
  await expect(ada.page.getByLabel('Role of ben')).toHaveValue('owner')

  await ben.page.reload()
  await expect(ben.page.getByRole('heading', { name: 'Tomatenfreunde' })).toBeVisible()
  await ada.page.getByRole('button', { name: 'Leave this circle' }).click()
  await ada.page.getByRole('button', { name: 'Leave', exact: true }).click()
  await expect(ada.page.getByRole('heading', { name: 'No circle yet' })).toBeVisible()

  await ben.page.reload()
  await expect(ben.page.getByText('ben', { exact: true })).toBeVisible()
  await expect(ben.page.getByText('ada', { exact: true })).toHaveCount(0)
  // The key is another one by now; what Ben shares is sealed under it.
  await expect(ben.page.getByText('The circle’s key is being changed.')).toHaveCount(0)
  await ada.page.reload()
  await expect(ada.page.getByRole('heading', { name: 'No circle yet' })).toBeVisible()
})
