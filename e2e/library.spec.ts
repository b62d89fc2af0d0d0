import { fillLibrary, makePicture } from './support/library.ts'
import { expect, test } from './support/test.ts'

test('hundreds of photos: only what is near is in the page; one comes back to where one was, and stays there when the phone is turned', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  const { page } = ada
  await ada.makeCircle('Gartenfreunde')
  await fillLibrary(world, ada, 600)
  await page.reload()
  const tiles = page.locator('item-tile')
  const photo = (number: number) => page.getByRole('link', { name: `Photo ${number}`, exact: true })
  await expect(photo(1)).toBeVisible()
  await expect(photo(1).locator('img')).toHaveJSProperty('naturalWidth', 320)
  expect(await tiles.count()).toBeLessThan(120)

  // All of it can be reached, and the end is the oldest.
  // It comes in pages, and grows.
  const toTheEnd = () =>
    expect(async () => {
      await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight))
      await expect(photo(600)).toBeInViewport({ timeout: 2000 })
    }).toPass({ timeout: 60_000 })
  await toTheEnd()
  await expect(photo(600).locator('img')).toHaveJSProperty('naturalWidth', 320)
  expect(await tiles.count()).toBeLessThan(120)

  // What flies by waits for its picture until it can be looked at.
  const withoutPicture = await page.evaluate(async () => {
    const screen = document.querySelector('kith-app')?.shadowRoot?.querySelector('library-screen')?.shadowRoot
    const grid = screen?.querySelector('item-grid')?.shadowRoot
    let most = 0
    for (let frame = 0; frame < 40; frame++) {
      await new Promise(requestAnimationFrame)
      const tiles = [...(grid?.querySelectorAll('item-tile') ?? [])]
      most = Math.max(most, tiles.filter((tile) => tile.shadowRoot?.querySelector('img:not([src])')).length)
      scrollBy(0, -400)
    }
    return most
  })
  expect(withoutPicture).toBeGreaterThan(0)
  await expect(page.locator('item-tile img:not([src])')).toHaveCount(0)

  await page.evaluate(async () => {
    scrollTo(0, document.documentElement.scrollHeight / 2)
    // It is heard of with the next frame; then the tiles are others.
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame)
  })
  await expect(photo(1)).toHaveCount(0)
  const there = await page.evaluate(() => scrollY)
  const middle = tiles.nth(Math.floor((await tiles.count()) / 2)).getByRole('link')
  const title = await middle
    .getAttribute('aria-label')
    .then((label) => label ?? middle.locator('img').getAttribute('alt'))
  const same = page.getByRole('link', { name: title ?? '', exact: true })
  await same.click()
  await expect(page.getByRole('heading', { name: title ?? '' })).toBeVisible()
  await page.getByRole('button', { name: 'Back' }).click()
  await expect(same).toBeInViewport()
  expect(Math.abs((await page.evaluate(() => scrollY)) - there)).toBeLessThan(200)

  // Just below the bar, where one looks.
  await same.evaluate((link) => scrollBy(0, link.getBoundingClientRect().top - 90))
  await expect.poll(() => same.evaluate((link) => Math.round(link.getBoundingClientRect().top))).toBe(90)
  for (const size of [
    { width: 844, height: 390 },
    { width: 390, height: 844 },
  ]) {
    await page.setViewportSize(size)
    await expect(same).toBeInViewport()
  }
  // From an item that was turned as well; and by the phone's own back, then forward.
  await same.click()
  await expect(page.getByRole('heading', { name: title ?? '' })).toBeVisible()
  await page.setViewportSize({ width: 844, height: 390 })
  await page.goBack()
  await expect(same).toBeInViewport()
  await page.goForward()
  await expect(page.getByRole('heading', { name: title ?? '' })).toBeVisible()
  await page.goBack()
  await page.setViewportSize({ width: 390, height: 844 })
  await expect(same).toBeInViewport()

  // Choosing ends where one has scrolled to, not where it began.
  await page.getByRole('button', { name: 'Select' }).click()
  await page.evaluate(() => scrollBy(0, 3000))
  const further = await page.evaluate(() => scrollY)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByRole('button', { name: 'Select' })).toBeVisible()
  await page.waitForFunction(() => history.state?.isOverlay !== true)
  expect(await page.evaluate(() => scrollY)).toBe(further)

  // Another start shows what was opened before, with nobody there to ask.
  await world.server.stop('SIGKILL')
  const devtools = await ada.context.newCDPSession(page)
  await devtools.send('Network.clearBrowserCache')
  await page.reload()
  await expect(photo(1)).toBeVisible()
  await expect(photo(1).locator('img')).toHaveJSProperty('naturalWidth', 320)
  await toTheEnd()
  await expect(photo(600).locator('img')).toHaveJSProperty('naturalWidth', 320)
})

test('several are chosen in the library and kept together; what is uploaded there has its picture at once, long before it has arrived', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  const { page } = ada
  await ada.makeCircle('Gartenfreunde')
  await fillLibrary(world, ada, 5)
  await page.reload()
  // Also in a window so low that the tiles begin below its middle, as where everything is enlarged.
  await page.setViewportSize({ width: 390, height: 130 })
  const show = (tab: string) =>
    page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: tab }).dispatchEvent('click')
  await show('Settings')
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeAttached()
  await show('Library')
  await expect(page.getByRole('link', { name: 'Photo 1', exact: true })).toBeAttached()
  await page.setViewportSize({ width: 390, height: 844 })
  await page.getByRole('button', { name: 'Select' }).click()
  await page.goBack()
  await expect(page.getByRole('button', { name: 'Cancel' })).toHaveCount(0)
  await page.getByRole('button', { name: 'Select' }).click()
  await expect(page.getByText('Tap to choose')).toBeVisible()
  for (const number of [2, 4]) await page.getByRole('button', { name: `Choose Photo ${number}` }).click()
  await expect(page.getByRole('button', { name: 'Choose Photo 4' })).toHaveAttribute('aria-pressed', 'true')
  await expect(page.getByText('2 chosen')).toBeVisible()
  await page.getByRole('button', { name: 'Keep offline' }).click()
  await page.getByRole('button', { name: 'Show' }).click()
  await expect(page.getByRole('listitem').filter({ hasText: 'Photo 2' })).toBeVisible()
  await expect(page.getByRole('listitem').filter({ hasText: 'Photo 4' })).toBeVisible()
  await expect(page.getByRole('listitem').filter({ hasText: 'Photo 3' })).toHaveCount(0)

  const lines = { register: Promise.withResolvers<void>(), original: Promise.withResolvers<void>() }
  let puts = 0
  world.relay.gate = async (method, path) => {
    if (method === 'POST' && path === '/api/media') await lines.register.promise
    // The first is the small picture.
    if (method === 'PUT' && path.includes('/objects/') && ++puts > 1) await lines.original.promise
  }
  const picture = await makePicture(world, 'Sonnenblume.webp')
  await ada.upload(picture)
  const tile = page.getByRole('link', { name: /^Sonnenblume/ })
  const hasPicture = () => expect(tile.locator('img')).toHaveJSProperty('naturalWidth', 320)
  await hasPicture()
  await expect(tile).toHaveAttribute('href', '/activity')
  // The tab is gone before any of the original was sealed; the picture lies sealed on the device.
  await page.reload()
  await hasPicture()
  lines.register.resolve()
  await expect(tile).toHaveAttribute('href', /^\/item\//)
  await expect(tile).toHaveAccessibleName(/Sonnenblume Pick it again/)
  await hasPicture()
  await ada.go('Activity')
  const row = page.getByRole('listitem').filter({ hasText: 'Sonnenblume' })
  const choosing = page.waitForEvent('filechooser')
  await row.getByRole('button', { name: 'Pick' }).click()
  await (await choosing).setFiles(picture)
  await expect(row).toHaveAttribute('data-phase', 'sending')
  await ada.go('Library')
  await expect(tile).toHaveAccessibleName(/Sonnenblume Uploading/)
  await hasPicture()
  lines.original.resolve()
  await expect(tile).not.toHaveAccessibleName(/Uploading/)
  await expect(tile).toHaveCount(1)
  await expect(tile.locator('img')).toHaveAttribute('src', /^\/media\//)
  await hasPicture()

  // A server whose last word makes no sense: it stops there, and says so, until somebody tries again.
  world.relay.rewrite = ({ path }) => (path.endsWith('/ready') ? Buffer.from('{}') : undefined)
  await ada.upload(await makePicture(world, 'Distel.webp'))
  await expect(page.getByRole('link', { name: /^Distel Stopped/ })).toBeVisible()
  await ada.go('Activity')
  await expect(page.locator('li[data-phase=stopped]')).toContainText('Distel')
  world.relay.rewrite = undefined
  await page.getByRole('button', { name: 'Try Distel.webp again' }).click()
  await expect(page.locator('li[data-phase]')).toHaveCount(0)
  await ada.open('Distel')

  world.relay.gate = async (method, path) => {
    if (method === 'PUT' && path.includes('/objects/')) await new Promise(() => undefined)
  }
  await ada.upload(await makePicture(world, 'Nelke.webp'))
  await expect(page.getByRole('link', { name: /^Nelke Uploading/ })).toBeVisible()
  await ada.go('Activity')
  await page.getByRole('button', { name: 'Cancel Nelke.webp' }).click()
  await expect(page.locator('li[data-phase]')).toHaveCount(0)
  await ada.go('Library')
  await expect(page.getByRole('link', { name: /^Distel/ })).toBeVisible()
  await expect(page.getByRole('link', { name: /^Nelke/ })).toHaveCount(0)
})
