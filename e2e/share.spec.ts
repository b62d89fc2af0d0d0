import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { Person } from './support/person.ts'
import { expect, test } from './support/test.ts'

/** As the system's share sheet does it: a form that is posted as a navigation. */
async function share(page: Page, files: { name: string; type: string; content: string }[], text = ''): Promise<void> {
  await Promise.all([
    page.waitForURL((url) => url.pathname === '/share'),
    page.evaluate(
      ([given, said]) => {
        const form = document.createElement('form')
        Object.assign(form, { method: 'post', action: '/share', enctype: 'multipart/form-data' })
        const input = document.createElement('input')
        Object.assign(input, { type: 'file', name: 'files', multiple: true })
        const transfer = new DataTransfer()
        for (const { name, type, content } of given) transfer.items.add(new File([content], name, { type }))
        input.files = transfer.files
        const field = document.createElement('input')
        Object.assign(field, { name: 'text', value: said })
        // Without files a share sheet posts no field for them.
        form.append(...(given.length > 0 ? [input, field] : [field]))
        document.body.append(form)
        form.submit()
      },
      [files, text] as const,
    ),
  ])
}
const heading = ({ page }: Person) => page.getByRole('heading', { name: 'Shared with Kith' })

test('shared from another app: waits sealed while Kith is locked, then goes into the library or to a friend; the server sees none of it', async ({
  arrive,
  world,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  await ada.befriend(ben)

  await ada.go('Settings')
  await ada.page.getByRole('button', { name: 'Lock now' }).click()
  await expect(ada.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  const file = { name: 'Stieglitz.txt', type: 'text/plain', content: 'Kernbeisser steht in dieser Datei' }
  await share(ada.page, [file])
  await expect(ada.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await ada.unlock()
  await expect(heading(ada)).toBeVisible()
  await expect(ada.page.getByText('Stieglitz.txt')).toBeVisible()
  for (const colorScheme of ['light', 'dark'] as const) {
    await ada.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect((await new AxeBuilder({ page: ada.page }).analyze()).violations).toEqual([])
  }
  await ada.page.getByRole('button', { name: 'Add to Gartenfreunde' }).click()
  await expect(ada.page.getByRole('link', { name: /^Stieglitz/ })).toBeVisible()

  await share(ada.page, [{ ...file, name: 'Girlitz.txt' }], 'Schau mal')
  await expect(ada.page.getByText('Girlitz.txt')).toBeVisible()
  await expect(ada.page.getByText('Stieglitz.txt')).toHaveCount(0)
  await ada.page.getByRole('button', { name: 'Send to this friend' }).click()
  await ben.page.getByRole('link', { name: 'Write to ada' }).click()
  await expect(ben.page.locator('message-row').filter({ hasText: 'Schau mal' })).toBeVisible()
  await expect(ben.page.getByRole('link', { name: 'Download Girlitz.txt' })).toBeVisible()

  await share(ada.page, [], 'https://example.org/nur-ein-link')
  await expect(ada.page.getByText('https://example.org/nur-ein-link')).toBeVisible()
  await ada.page.getByRole('button', { name: 'Throw it away' }).click()
  await expect(ada.page.getByText('Nothing waits here.')).toBeVisible()

  // Text alone can be copied, or kept as a file.
  await ada.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await share(ada.page, [], 'Zaunkönig im Efeu')
  await ada.page.getByRole('button', { name: 'Copy the text' }).click()
  await expect(ada.page.getByText('Copied.')).toBeVisible()
  expect(await ada.page.evaluate(() => navigator.clipboard.readText())).toBe('Zaunkönig im Efeu')
  // The server is gone, and then the page: it arrives by itself as soon as both are back.
  void world.relay.lose()
  await ada.page.getByRole('button', { name: 'Add to Gartenfreunde as a file' }).click()
  await ada.go('Activity')
  await expect(ada.page.getByText('You may close it: nothing gets lost.')).toBeVisible()
  await ada.page.close()
  world.relay.restore()
  await ada.newPage()
  await ada.page.goto(`${world.origin}/share`)
  await expect(ada.page.getByText('Nothing waits here.')).toBeVisible()
  await ada.go('Library')
  await ada.uploaded('Note ')

  // A form on another site that says where it comes from is none of ours.
  const foreign = await ada.newPage()
  const form = `<form method="post" action="${world.origin}/share" enctype="multipart/form-data"><input name="text" value="Kuckucksei"><button>Send</button></form>`
  world.relay.instead.set('/foreign.html', { type: 'text/html', body: form })
  await foreign.goto(`http://127.0.0.1:${world.relay.port}/foreign.html`)
  const [posted] = await Promise.all([
    foreign.waitForResponse((response) => response.request().method() === 'POST'),
    foreign.getByRole('button', { name: 'Send' }).click(),
  ])
  expect(posted.fromServiceWorker()).toBe(false)
  await foreign.goto(`${world.origin}/share`)
  await expect(foreign.getByText('Nothing waits here.')).toBeVisible()
  // One that hides it looks like the share sheet: it waits for the person, as everything does, and goes nowhere by itself.
  world.relay.instead.set('/hidden.html', {
    type: 'text/html',
    body: `<meta name="referrer" content="no-referrer">${form}`,
  })
  await foreign.goto(`http://127.0.0.1:${world.relay.port}/hidden.html`)
  await foreign.getByRole('button', { name: 'Send' }).click()
  await expect(foreign.getByText('Kuckucksei')).toBeVisible()
  await foreign.getByRole('button', { name: 'Throw it away' }).click()
  await expect(foreign.getByText('Nothing waits here.')).toBeVisible()
  for (const canary of ['Kernbeisser', 'Stieglitz', 'Girlitz', 'Schau mal', 'nur-ein-link', 'Zaunkönig'])
    expect(world.relay.recorded.includes(canary)).toBe(false)
})

test('where nobody is signed in it is not kept, and that is said', async ({ arrive }) => {
  const ada = await arrive('ada')
  await ada.page.goto(ada.world.origin)
  await expect(ada.page.getByLabel('Your name')).toBeVisible()
  await ada.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await ada.page.reload()
  await share(ada.page, [{ name: 'a.txt', type: 'text/plain', content: 'a' }])
  await expect(ada.page.getByText('Nobody is signed in here.')).toBeVisible()
})

test('files that are pasted or dropped on the library are uploaded; text that is dragged is left alone', async ({
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.page.evaluate(() => {
    const given = (name: string) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([name], `${name}.txt`, { type: 'text/plain' }))
      return transfer
    }
    window.dispatchEvent(new ClipboardEvent('paste', { clipboardData: given('Tomaten'), bubbles: true }))
    window.dispatchEvent(new DragEvent('dragover', { dataTransfer: given('Gurken'), cancelable: true }))
    window.dispatchEvent(new DragEvent('drop', { dataTransfer: given('Gurken'), cancelable: true }))
  })
  await expect(ada.page.getByRole('link', { name: /^Tomaten/ })).toBeVisible()
  await expect(ada.page.getByRole('link', { name: /^Gurken/ })).toBeVisible()
  const isTaken = await ada.page.evaluate(() => {
    const dataTransfer = new DataTransfer()
    dataTransfer.setData('text/plain', 'Gurken')
    return !window.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }))
  })
  expect(isTaken).toBe(false)
})

test('a phone offers its camera, for the library and in a chat', async ({ browser, world, arrive }) => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true })
  const ada = await Person.in(context, world, 'ada')
  await ada.makeCircle('Gartenfreunde')
  const photo = { name: 'image.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('not really a photo') }
  const camera = ada.page.getByRole('button', { name: 'Take a photo or video' })
  const choose = async () => {
    // A camera opens at once for one kind alone.
    for (const [name, accept] of [
      ['Record a video', 'video/*'],
      ['Take a photo', 'image/*'],
    ] as const) {
      await camera.tap()
      const [chooser] = await Promise.all([
        ada.page.waitForEvent('filechooser'),
        ada.page.getByRole('button', { name, exact: true }).tap(),
      ])
      const input = chooser.element()
      expect([await input.getAttribute('accept'), await input.getAttribute('capture')]).toEqual([accept, 'environment'])
      if (accept === 'image/*') await chooser.setFiles(photo)
      else await ada.page.getByRole('button', { name: 'Close' }).tap()
    }
    await expect(ada.page.locator('kith-dialog')).toHaveCount(0)
  }
  await choose()
  await expect(ada.page.getByRole('link', { name: /^image/ })).toBeVisible()
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  await ada.befriend(ben)
  await ada.page.getByRole('link', { name: 'Write to ben' }).click()
  await choose()
  await expect(ada.page.locator('message-row').filter({ hasText: 'image.jpg' })).toBeVisible()
  // Files that are dropped on a chat go out; text stays for the field that it is dropped on.
  const dropped = await ada.page.locator('conversation-screen').evaluate((screen) => {
    const drop = (fill: (transfer: DataTransfer) => void): boolean => {
      const dataTransfer = new DataTransfer()
      fill(dataTransfer)
      const field = screen.shadowRoot?.querySelector('chat-composer')?.shadowRoot?.querySelector('textarea')
      const event = new DragEvent('drop', { dataTransfer, cancelable: true, bubbles: true, composed: true })
      return field?.dispatchEvent(event) === false
    }
    return [
      drop(({ items }) => void items.add(new File(['Gurken'], 'Gurken.txt', { type: 'text/plain' }))),
      drop((transfer) => transfer.setData('text/plain', 'Gurken')),
    ]
  })
  expect(dropped).toEqual([true, false])
  await expect(ada.page.locator('message-row').filter({ hasText: 'Gurken.txt' })).toBeVisible()
  // With a mouse it would open the same dialog as any file.
  await ben.page.getByRole('link', { name: 'Write to ada' }).click()
  await expect(ben.page.getByRole('button', { name: 'Attach files' })).toBeVisible()
  await expect(ben.page.getByRole('button', { name: 'Take a photo or video' })).toHaveCount(0)
  await context.close()
})
