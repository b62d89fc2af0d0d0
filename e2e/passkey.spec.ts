import AxeBuilder from '@axe-core/playwright'
import { PASSWORD, type Person } from './support/person.ts'
import { expect, test } from './support/test.ts'

/** The browser's own test door: https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/ */
async function authenticator({ context, page }: Person, options: { hasPrf: boolean }): Promise<void> {
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...options,
    },
  })
}
async function make(person: Person, password = PASSWORD): Promise<void> {
  const { page } = person
  await person.go('Settings')
  await page.getByRole('button', { name: 'Unlock with a passkey' }).click()
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Make the passkey' }).click()
}
const lock = ({ page }: Person) => page.getByRole('button', { name: 'Lock now' }).click()

test('a passkey unlocks beside the password, also with the server gone', async ({ world, arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await authenticator(ada, { hasPrf: true })
  await make(ada, 'another-password-entirely')
  await expect(ada.page.getByRole('alert')).toContainText('Name or password are wrong')
  await ada.page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await ada.page.getByRole('button', { name: 'Make the passkey' }).click()
  await expect(ada.page.getByText('From now on the passkey unlocks Kith here.')).toBeVisible()

  await lock(ada)
  const open = ada.page.getByRole('heading', { name: 'Settings' })
  const button = ada.page.getByRole('button', { name: 'Unlock with passkey' })
  await expect(button).toBeFocused()
  for (const colorScheme of ['light', 'dark'] as const) {
    await ada.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect((await new AxeBuilder({ page: ada.page }).analyze()).violations).toEqual([])
  }
  // The person closes the browser's own sheet.
  await ada.page.evaluate(() => {
    const { credentials } = navigator
    const get = credentials.get.bind(credentials)
    credentials.get = async () => {
      credentials.get = get
      throw new DOMException('The operation was not allowed.', 'NotAllowedError')
    }
  })
  await button.click()
  await expect(ada.page.getByRole('alert')).toContainText('The passkey was not used')
  await button.click()
  await expect(open).toBeVisible()

  await lock(ada)
  await expect(button).toBeFocused()
  await world.server.stop('SIGKILL')
  await ada.page.reload()
  await button.click()
  await expect(open).toBeVisible()

  await ada.page.getByRole('button', { name: 'Remove the passkey' }).click()
  await expect(ada.page.getByRole('button', { name: 'Unlock with a passkey' })).toBeVisible()
  await lock(ada)
  await expect(ada.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await expect(button).toHaveCount(0)
  await ada.unlock()
  await expect(open).toBeVisible()
})

test('where the passkey gives no secret, Kith says so and keeps nothing', async ({ arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await authenticator(ada, { hasPrf: false })
  await make(ada)
  await expect(ada.page.getByRole('alert')).toContainText('cannot unlock Kith with a passkey yet')
  await ada.page.getByRole('button', { name: 'Close' }).click()
  await expect(ada.page.getByRole('button', { name: 'Unlock with a passkey' })).toBeVisible()
})
