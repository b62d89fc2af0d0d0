import { type Browser, type BrowserContext, expect, type Locator, type Page } from '@playwright/test'
import type { World } from './world.ts'

export const PASSWORD = 'velvet-harbor-quartz-91-tandem'

/** Somebody with a browser of their own, doing what people do. */
export class Person {
  readonly name: string
  readonly context: BrowserContext
  readonly world: World
  page: Page
  /** What the page complained about; looked at when a test fails. */
  readonly complaints: string[] = []
  words: string[] = []

  private constructor(name: string, world: World, context: BrowserContext, page: Page) {
    this.name = name
    this.world = world
    this.context = context
    this.page = page
    this.#listen(page)
  }

  static async arrive(browser: Browser, world: World, name: string): Promise<Person> {
    return Person.in(await browser.newContext({ viewport: { width: 390, height: 844 } }), world, name)
  }

  /** In a browser that is there already, such as one with a profile on disk. */
  static async in(context: BrowserContext, world: World, name: string): Promise<Person> {
    return new Person(name, world, context, await context.newPage())
  }

  async newPage(): Promise<Page> {
    this.page = await this.context.newPage()
    this.#listen(this.page)
    return this.page
  }

  /** Makes the instance's first account, and the circle. */
  async makeCircle(circle: string, password = PASSWORD): Promise<void> {
    const { page } = this
    await page.goto(this.world.origin)
    await page.getByLabel('Your name').fill(this.name)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByLabel('Name of your circle').fill(circle)
    await page.getByRole('button', { name: 'Make the circle' }).click()
    await this.confirmRecovery()
  }

  async joinBy(link: string, password = PASSWORD): Promise<void> {
    const { page } = this
    await page.goto(link)
    await page.getByLabel('Your name').fill(this.name)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Join' }).click()
    await this.confirmRecovery()
  }

  async confirmRecovery(): Promise<void> {
    const { page } = this
    await expect(page.getByRole('heading', { name: 'Write down your recovery key' })).toBeVisible({ timeout: 60_000 })
    this.words = await page.getByRole('list', { name: 'Recovery key' }).getByRole('listitem').allTextContents()
    await page.getByRole('button', { name: 'I wrote them down' }).click()
    const fields = page.getByLabel(/^Word \d+$/)
    await expect(fields).toHaveCount(3)
    for (const field of await fields.all()) {
      const id = (await field.getAttribute('id')) ?? ''
      await field.fill(this.words[Number(id.replace('word-', ''))] ?? '')
    }
    await page.getByRole('button', { name: 'Done' }).click()
    await expect(page.getByRole('button', { name: 'Upload' })).toBeVisible()
  }

  /** @param seen called while the link and its QR code are on the screen. */
  async invite(role: 'member' | 'worker' = 'member', seen?: (link: string) => Promise<void>): Promise<string> {
    const { page } = this
    await this.go('Circle')
    await page.getByRole('button', { name: 'Invite', exact: true }).click()
    await page.getByLabel('Comes in as').selectOption(role)
    await page.getByRole('button', { name: 'Make the invite' }).click()
    const link = ((await page.getByTestId('invite-link').textContent()) ?? '').trim()
    await seen?.(link)
    await page.getByRole('button', { name: 'Close' }).click()
    return link
  }

  async inviteByWords(role: 'member' | 'worker'): Promise<string> {
    const { page } = this
    await this.go('Circle')
    await page.getByRole('button', { name: 'Invite', exact: true }).click()
    await page.getByLabel('Comes in as').selectOption(role)
    await page.getByLabel('As', { exact: true }).selectOption('words')
    await page.getByRole('button', { name: 'Make the invite' }).click()
    const words = await page.getByTestId('invite-words').textContent()
    await page.getByRole('button', { name: 'Close' }).click()
    return (words ?? '').trim()
  }

  /** Asks somebody by name; they accept. */
  async befriend(other: Person, note = ''): Promise<void> {
    await this.go('Friends')
    await this.page.getByLabel('Name or link').fill(other.name)
    await this.page.getByRole('list', { name: 'Found' }).getByRole('button', { name: 'Ask' }).click()
    await this.page.getByLabel(/^Note/).fill(note)
    await this.page.locator('kith-dialog').getByRole('button', { name: 'Ask' }).click()
    await expect(this.page.getByText('no answer yet')).toBeVisible()
    await other.go('Friends')
    await other.page.getByRole('button', { name: 'Accept' }).click()
    await expect(other.page.getByRole('heading', { name: 'Your friends' })).toBeVisible()
    await expect(this.page.getByRole('heading', { name: 'Your friends' })).toBeVisible()
  }

  async enrolWorker(): Promise<void> {
    const { page, world } = this
    if (!world.worker) await world.startWorker()
    await this.go('Circle')
    const shown = (await page.locator('.fingerprint').textContent()) ?? ''
    expect(world.worker?.output).toContain(shown.trim())
    await page.getByRole('button', { name: 'The same: let it in' }).click()
    await expect(page.getByText('The worker is in.')).toBeVisible()
  }

  async upload(...files: string[]): Promise<void> {
    await this.go('Library')
    await this.page.getByLabel('Files to upload').setInputFiles(files)
  }

  /** Resolves when the server has all of it. */
  async uploaded(title: string): Promise<void> {
    const tile = this.page.getByRole('link', { name: new RegExp(`^${title}`) }).and(this.#there)
    await expect(tile).toBeVisible()
    await expect(tile).not.toHaveAccessibleName(/Uploading/, { timeout: 60_000 })
  }

  /** Not the tile that stands for an item before the server has it. */
  get #there(): Locator {
    return this.page.locator('[href^="/item/"]')
  }

  async go(tab: 'Library' | 'Chats' | 'Friends' | 'Activity' | 'Circle' | 'Settings'): Promise<void> {
    if (await this.#backButton.isVisible()) await this.back()
    await this.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: tab }).click()
  }

  /** Leaves the viewer. The way back takes a moment, and its button is there until then. */
  async back(): Promise<void> {
    await this.#backButton.click()
    await expect(this.#backButton).toHaveCount(0)
  }

  get #backButton(): Locator {
    return this.page.getByRole('button', { name: 'Back' })
  }

  async open(title: string): Promise<void> {
    await this.go('Library')
    await this.page
      .getByRole('link', { name: new RegExp(`^${title}`) })
      .and(this.#there)
      .click()
    await expect(this.page.getByRole('heading', { name: title })).toBeVisible()
  }

  /** @param link an invite that was opened before. */
  async signIn(password = PASSWORD, link: string | null = null): Promise<void> {
    const { page } = this
    await page.goto(link ?? this.world.origin)
    if (link !== null) await page.getByRole('link', { name: 'I have an account' }).click()
    await page.getByLabel('Your name').fill(this.name)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }

  /** Resolves when the picture moves at or behind `seconds`. */
  async plays(seconds = 0): Promise<void> {
    await this.page.locator('video').evaluate(
      (video: HTMLVideoElement, from) =>
        new Promise<void>((resolve, reject) => {
          const check = () => video.currentTime > from + 0.2 && video.readyState > 2 && resolve()
          video.addEventListener('timeupdate', check)
          video.muted = true
          // A better source may take the place of the one that was there.
          const play = (): Promise<void> =>
            video.play().catch((error: DOMException) => {
              if (error.name !== 'AbortError') reject(error)
              else video.addEventListener('loadeddata', () => video.paused && play(), { once: true })
            })
          if (video.paused) void play()
          check()
        }),
      seconds,
    )
  }

  /** Resolves when the item's conversion is done, as the activity screen shows it. */
  async finished(title: string): Promise<void> {
    await this.go('Activity')
    const row = this.page.locator('li[data-state=done]').filter({ hasText: title })
    await expect(row).toBeVisible({ timeout: 150_000 })
  }

  async seek(seconds: number): Promise<void> {
    await this.page.locator('video').evaluate((video: HTMLVideoElement, to) => {
      video.currentTime = to
    }, seconds)
  }

  /** In the settings: another password, or the one that destroys. */
  async setPassword(what: 'change' | 'destruction', current: string, wanted: string): Promise<void> {
    const { page } = this
    await this.go('Settings')
    const [open, field, save] =
      what === 'change'
        ? ['Change the password', 'New password', 'Change it']
        : ['Set or remove a destruction password', 'Destruction password', 'Save']
    await page.getByRole('button', { name: open }).click()
    await page.getByRole('textbox', { name: 'Current password', exact: true }).fill(current)
    await page.getByRole('textbox', { name: field, exact: true }).fill(wanted)
    await page.getByRole('button', { name: save, exact: true }).click()
  }

  async unlock(password = PASSWORD): Promise<void> {
    const { page } = this
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Unlock' }).click()
  }

  #listen(page: Page): void {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.complaints.push(String(error.stack)))
  }
}
