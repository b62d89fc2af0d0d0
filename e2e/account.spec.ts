import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import { PASSWORD } from './support/person.ts'
import { expect, test } from './support/test.ts'

const NEW = 'copper-lantern-orbit-58-willow'
const DESTROY = 'granite-ribbon-comet-34-meadow'

test('the password is changed: other devices are out, the old one opens nothing, the new one everything', async ({
  arrive,
  world,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'list.txt')
  await writeFile(file, 'Tomaten')
  await ada.upload(file)
  await expect(ada.page.getByRole('link', { name: /^list/ })).toBeVisible()
  const link = await ada.invite()
  const phone = await arrive('ada')
  // Into a circle that she is in: there is nothing to join, also where this device does not know of it yet.
  await phone.signIn(PASSWORD, link)
  await expect(phone.page.getByRole('link', { name: /^list/ })).toBeVisible()

  await ada.setPassword('change', 'not-the-password-at-all', NEW)
  await expect(ada.page.getByRole('alert')).toContainText('Name or password are wrong')
  for (const colorScheme of ['light', 'dark'] as const) {
    await ada.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect((await new AxeBuilder({ page: ada.page }).analyze()).violations).toEqual([])
  }
  await ada.page.getByRole('button', { name: 'Close' }).click()
  await ada.setPassword('change', PASSWORD, NEW)
  await expect(ada.page.getByText('Your password is changed.')).toBeVisible()

  // Offline and at the server: the new one alone.
  await ada.page.getByRole('button', { name: 'Lock now' }).click()
  await ada.unlock(PASSWORD)
  await expect(ada.page.getByRole('alert')).toContainText('wrong')
  await ada.unlock(NEW)
  const settings = ada.page.getByRole('heading', { name: 'Settings' })
  await expect(settings).toBeVisible()

  // Left alone it locks by itself, and not before it is time.
  await ada.page.getByLabel('Lock when not used for').selectOption({ label: '5 minutes' })
  await ada.page.clock.install()
  await ada.page.reload()
  await expect(settings).toBeVisible()
  await ada.page.clock.runFor('04:30')
  await expect(settings).toBeVisible()
  await ada.page.clock.runFor('00:50')
  await expect(ada.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()

  // So it does while it is closed, when nobody is there to do it.
  await ada.unlock(NEW)
  await expect(settings).toBeVisible()
  const openAfter = async (time: string) => {
    await ada.page.close()
    await ada.newPage()
    await ada.page.clock.fastForward(time)
    await ada.page.goto(`${world.origin}/settings`)
  }
  await openAfter('04:30')
  await expect(ada.page.getByRole('heading', { name: 'Settings' })).toBeVisible()
  await openAfter('05:30')
  await expect(ada.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await ada.page.reload()
  await ada.unlock(NEW)
  await expect(ada.page.getByRole('heading', { name: 'Settings' })).toBeVisible()

  const tablet = await arrive('ada')
  await tablet.signIn(PASSWORD)
  await expect(tablet.page.getByRole('alert')).toContainText('Name or password are wrong')
  await tablet.signIn(NEW)
  await expect(tablet.page.getByRole('link', { name: /^list/ })).toBeVisible()

  // Signed out, a device keeps nothing.
  await tablet.go('Settings')
  // Other devices have such a button, too, as soon as their list is here.
  const thisDevice = tablet.page.getByRole('region', { name: 'This device', exact: true })
  await thisDevice.getByRole('button', { name: 'Sign out' }).click()
  await expect(tablet.page.getByText('You need your password, or your recovery key, to come back.')).toBeVisible()
  await tablet.page.locator('kith-dialog').getByRole('button', { name: 'Sign out' }).click()
  await expect(tablet.page.getByRole('heading', { name: 'Welcome back' })).toBeVisible()
  expect(await tablet.page.evaluate(filledStores)).toEqual([])
  await tablet.page.reload()
  await expect(tablet.page.getByRole('heading', { name: 'Welcome back' })).toBeVisible()
})

/** In the page: what of the device's database has anything in it. */
async function filledStores(): Promise<string[]> {
  const opening = indexedDB.open('kith')
  await new Promise((resolve) => opening.addEventListener('success', resolve))
  const names = [...opening.result.objectStoreNames]
  const transaction = opening.result.transaction(names)
  const counts = names.map((name) => transaction.objectStore(name).count())
  await new Promise((resolve) => transaction.addEventListener('complete', resolve))
  opening.result.close()
  return names.filter((_, i) => counts[i]?.result !== 0)
}

test('the destruction password looks like a wrong one, and nothing opens the account afterwards', async ({
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.setPassword('destruction', PASSWORD, PASSWORD)
  await expect(ada.page.getByRole('alert')).toContainText('another one than your password')
  await ada.page.getByRole('button', { name: 'Close' }).click()
  await ada.setPassword('destruction', PASSWORD, DESTROY)
  await expect(ada.page.getByText('The destruction password is set.')).toBeVisible()

  const other = await arrive('ada')
  await other.signIn(DESTROY)
  await expect(other.page.getByRole('alert')).toContainText('Name or password are wrong')
  await other.signIn(PASSWORD)
  await expect(other.page.getByRole('alert')).toContainText('Name or password are wrong')
  // The devices it was on forget what they kept.
  await expect(ada.page.getByRole('heading', { name: 'Welcome back' })).toBeVisible()
})
