import { ContextProvider } from '@lit/context'
import { css, html, LitElement, nothing, type TemplateResult } from 'lit'
import { type IconName, icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { rail } from '../styles/rail.ts'
import { readDeviceAccount } from '../vault/device.ts'
import { startCatchingUp } from './catch-up.ts'
import { startIdleLock } from './idle.ts'
import { partCame, reloadForPart } from './lost-part.ts'
import { OUTDATED, RELOADS, sentenceFor, sentenceForCode } from './messages.ts'
import { nextTask } from './next-task.ts'
import { passAppError } from './passing.ts'
import { sayProblem } from './problem.ts'
import type { Services } from './services.ts'
import { servicesContext } from './services-context.ts'
import { Watch } from './signal.ts'
import './toast-stack.ts'

type Screen = {
  readonly title: string
  readonly load: () => Promise<unknown>
  readonly render: () => TemplateResult
  readonly nav?: boolean
}

const TABS: readonly { path: string; label: string; icon: IconName }[] = [
  { path: '/', label: 'Library', icon: 'library' },
  { path: '/chats', label: 'Chats', icon: 'chat' },
  { path: '/friends', label: 'Friends', icon: 'friends' },
  { path: '/activity', label: 'Activity', icon: 'activity' },
  { path: '/circle', label: 'Circle', icon: 'circle' },
  { path: '/settings', label: 'Settings', icon: 'settings' },
]

const SCREENS: Readonly<Record<string, Screen>> = {
  '/': {
    title: 'Library',
    load: () => import('../library/library-screen.ts'),
    render: () => html`<library-screen></library-screen>`,
    nav: true,
  },
  '/chats': {
    title: 'Chats',
    load: () => import('../chat/chats-screen.ts'),
    render: () => html`<chats-screen></chats-screen>`,
    nav: true,
  },
  '/friends': {
    title: 'Friends',
    load: () => import('../friends/friends-screen.ts'),
    render: () => html`<friends-screen></friends-screen>`,
    nav: true,
  },
  '/add': {
    title: 'Add a friend',
    load: () => import('../friends/add-screen.ts'),
    render: () => html`<add-screen></add-screen>`,
    nav: true,
  },
  '/activity': {
    title: 'Activity',
    load: () => import('../activity/activity-screen.ts'),
    render: () => html`<activity-screen></activity-screen>`,
    nav: true,
  },
  '/circle': {
    title: 'Circle',
    load: () => import('../groups/circle-screen.ts'),
    render: () => html`<circle-screen></circle-screen>`,
    nav: true,
  },
  '/offline': {
    title: 'On this device',
    load: () => import('../offline/offline-screen.ts'),
    render: () => html`<offline-screen></offline-screen>`,
    nav: true,
  },
  '/share': {
    title: 'Shared with Kith',
    load: () => import('../share/share-screen.ts'),
    render: () => html`<share-screen></share-screen>`,
    nav: true,
  },
  '/settings': {
    title: 'Settings',
    load: () => import('../settings/settings-screen.ts'),
    render: () => html`<settings-screen></settings-screen>`,
    nav: true,
  },
}
const WELCOME: Screen = {
  title: 'Welcome',
  load: () => import('../vault/welcome-screen.ts'),
  render: () => html`<welcome-screen></welcome-screen>`,
}
const LOCKED: Screen = {
  title: 'Locked',
  load: () => import('../vault/locked-screen.ts'),
  render: () => html`<locked-screen></locked-screen>`,
}
const RECOVERY: Screen = {
  title: 'Recovery key',
  load: () => import('../vault/recovery-screen.ts'),
  render: () => html`<recovery-screen></recovery-screen>`,
}
const JOIN: Screen = {
  title: 'Join a circle',
  load: () => import('../groups/join-screen.ts'),
  render: () => html`<join-screen></join-screen>`,
}
const VIEWER: Screen = {
  title: 'Item',
  load: () => import('../viewer/viewer-screen.ts'),
  render: () => html`<viewer-screen .mediaId=${location.pathname.slice('/item/'.length)}></viewer-screen>`,
}
const CONVERSATION: Screen = {
  title: 'Chat',
  load: () => import('../chat/conversation-screen.ts'),
  render: () =>
    html`<conversation-screen .connectionId=${location.pathname.slice('/chats/'.length)}></conversation-screen>`,
}
const LOST: Screen = {
  title: 'Not found',
  load: async () => undefined,
  render: () =>
    html`<main class="page"><h1>There is nothing here</h1><p class="soft">The address may be mistyped.</p><p><a class="button primary" href="/">To the library</a></p></main>`,
}

/** For somebody who is in. */
function insideOf(path: string): Screen {
  if (path === '/join') return JOIN
  if (path.startsWith('/item/')) return VIEWER
  if (path.startsWith('/chats/')) return CONVERSATION
  return SCREENS[path] ?? LOST
}

/** Once the screen has drawn what is more urgent; WebKit does not tell when. */
const idle = (): Promise<void> =>
  new Promise((resolve) => {
    if ('requestIdleCallback' in window) requestIdleCallback(() => resolve(), { timeout: IDLE_MS })
    else setTimeout(resolve, 200)
  })

const IDLE_MS = 1000
const SLOW_MS = 10_000

/** The frame: chooses the screen by session and address, and holds the tabs. */
export class KithApp extends LitElement {
  static override properties = {
    services: { attribute: false },
    ready: { state: true },
    broken: { state: true },
    renewing: { state: true },
    isSlow: { state: true },
    isFramed: { state: true },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        min-height: 100dvh;
      }
      .frame {
        min-height: 100dvh;
        padding: var(--safe-top) var(--safe-right) 0 var(--safe-left);
      }
      .frame.with-nav {
        padding-bottom: calc(var(--nav-height) + var(--safe-bottom) + 8px);
      }
      nav {
        position: fixed;
        inset: auto 0 0;
        z-index: 10;
        display: flex;
        padding: 0 var(--safe-right) var(--safe-bottom) var(--safe-left);
        border-top: 1px solid var(--line);
        background: color-mix(in srgb, var(--raised) 94%, transparent);
        backdrop-filter: blur(16px);
      }
      nav a {
        flex: 1;
        display: grid;
        place-items: center;
        align-content: center;
        gap: 2px;
        height: var(--nav-height);
        color: var(--ink-soft);
        font-size: 0.75rem;
        font-weight: 600;
        text-decoration: none;
      }
      nav a {
        position: relative;
      }
      .count {
        position: absolute;
        top: 6px;
        left: calc(50% + 6px);
        min-width: 18px;
        padding: 0 5px;
        border-radius: 9px;
        background: var(--accent);
        color: var(--accent-ink);
        font-size: 0.6875rem;
        line-height: 18px;
        text-align: center;
      }
      nav a[aria-current] {
        color: var(--accent);
      }
      .banner {
        padding: 0.5rem 1rem;
        background: var(--accent-soft);
        font-size: 0.9375rem;
        text-align: center;
      }
      .banner.bad {
        background: var(--bad-soft);
        color: var(--bad);
      }
      .banner button {
        min-height: 36px;
        margin-left: 0.75rem;
      }
      .slow {
        position: fixed;
        inset: auto 0 calc(2rem + var(--safe-bottom));
        margin: 0;
        text-align: center;
      }
      .frame:focus {
        outline: none;
      }
      .skip {
        position: absolute;
        inset: auto auto calc(100% + 8px) calc(8px + var(--safe-left));
      }
      .skip:not(:focus) {
        width: 1px;
        min-height: 0;
        height: 1px;
        padding: 0;
        border: 0;
        overflow: hidden;
        clip-path: inset(50%);
        white-space: nowrap;
      }
      @media ${rail} {
        nav {
          inset: 0 auto 0 0;
          flex-direction: column;
          justify-content: center;
          width: calc(var(--rail-width) + var(--safe-left));
          padding: var(--safe-top) 0 var(--safe-bottom) var(--safe-left);
          border-top: 0;
          border-right: 1px solid var(--line);
        }
        nav a {
          flex: 0 1 84px;
          height: auto;
        }
        .skip {
          inset: calc(8px + var(--safe-top)) auto auto calc(8px + var(--safe-left));
          white-space: nowrap;
        }
        .frame.with-nav {
          padding-left: calc(var(--rail-width) + var(--safe-left));
          padding-bottom: var(--safe-bottom);
        }
      }
    `,
  ]
  declare services: Services | undefined
  declare ready: Screen | undefined
  /** Why nothing can be shown: a sentence. */
  declare broken: string | null
  declare renewing: boolean
  /** Nothing has shown for long: engines now and then do not come back from their own storage. */
  declare isSlow: boolean
  /** The tabs are there: the first screen comes in a task of its own, both together would hold up a phone. */
  declare isFramed: boolean
  readonly #provider = new ContextProvider(this, { context: servicesContext })
  #wanted: Screen | undefined

  constructor() {
    super()
    this.broken = null
    this.renewing = false
    this.isSlow = false
    this.isFramed = false
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('services') && this.services) this.#start(this.services)
    if (this.services) this.#choose()
  }

  override updated(): void {
    if (this.ready === undefined || this.isFramed) return
    void nextTask().then(() => {
      this.isFramed = true
    })
  }

  #start(services: Services): void {
    this.#provider.setValue(services)
    const { session, router, events, mediaWorker, busy } = services
    new Watch(
      this,
      session.state,
      session.fault,
      session.isExpired,
      router.path,
      mediaWorker.updateWaits,
      mediaWorker.needsReload,
      services.isOutdated,
      busy.reasons,
      services.talk,
    )
    services.talk.watch((talk) => talk && new Watch(this, talk.friends.list, talk.chat.unread))
    startIdleLock(services)
    startCatchingUp(session)
    session.state.watch((state) => {
      if (state.kind === 'unlocked' && state.online) void events.connect()
      if (state.kind === 'signed-out' && session.takeRemoved())
        services.toasts.show(sentenceForCode('auth/removed'), { tone: 'error', forMs: 20_000 })
    })
    events.connected.watch((isConnected) => {
      if (isConnected) void session.catchUp()
    })
    events.on('group', ({ groupId }) => {
      const state = session.state.value
      if (state.kind === 'unlocked') void state.unlocked.groups.refreshOne(groupId)
    })
    // Why, the next answer says: over, or ended from another device while this one did not listen.
    events.onRefused = () => void session.catchUp()
    events.on('revoked', ({ isRemoved }) => void session.revoked(isRemoved))
    // A locked device has no connection that could tell it.
    window.addEventListener('online', () => void session.askWhileLocked())
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void session.askWhileLocked()
    })
    sayProblem(services.toasts, location)
    if (new URLSearchParams(location.search).has('problem')) history.replaceState(null, '', location.pathname)
    setTimeout(() => {
      this.isSlow = this.ready === undefined
    }, SLOW_MS)
    session.start().catch((error: unknown) => {
      this.broken = sentenceFor(error)
    })
    void this.#fetchAhead(services)
  }

  /** While the keys are read, what will be shown is fetched, and what opens it starts. */
  async #fetchAhead({ crypto, openLibrary, router }: Services): Promise<void> {
    if (!(await readDeviceAccount().catch(() => null))) return
    void crypto.start().catch(() => undefined)
    // In the order of use, so that each begins in a task of its own. One that cannot be loaded is told when it is needed.
    await Promise.all([
      import('../../shared/logs/signed.ts'),
      import('../groups/groups.ts'),
      openLibrary(),
      insideOf(router.path.value).load(),
    ]).catch(() => undefined)
  }

  #choose(): void {
    const screen = this.#screen()
    if (screen === this.#wanted) return
    this.#wanted = screen
    if (!screen) {
      this.ready = undefined
      return
    }
    const { session, openLibrary, openTalk } = this.services as Services
    const isIn = session.state.value.kind === 'unlocked'
    const loaded = Promise.all([isIn ? openLibrary() : undefined, screen.load()])
    loaded.then(nextTask).then(
      () => {
        partCame()
        if (this.#wanted !== screen) return
        const isFirst = this.ready === undefined
        this.ready = screen
        document.title = `${screen.title} · Kith`
        // Nobody waits for it: what comes shows at the tabs, and is answered from any screen.
        if (isIn) void this.updateComplete.then(idle).then(openTalk).catch(passAppError)
        // What is kept goes on, or goes, on whatever screen somebody is.
        if (isIn) void this.updateComplete.then(idle).then(() => this.#goOnKeeping())
        // Keyboards and screen readers go on where the new screen begins.
        if (!isFirst && screen.nav) void this.updateComplete.then(this.#skip)
      },
      () => {
        const { busy, toasts } = this.services as Services
        // Whoever has just come in writes no more in the form that still stands there: nothing waits for it.
        if (isIn && !this.ready?.nav) this.ready = undefined
        if (!reloadForPart(busy)) {
          this.broken = 'A part of Kith could not be loaded. Check the network and reload the page.'
        } else if (busy.isBusy) {
          toasts.show('This part of Kith has a newer version. It loads when what goes on here is done.')
        }
      },
    )
  }

  async #goOnKeeping(): Promise<void> {
    const { keeperOf } = await import('../offline/my-keeper.ts')
    const services = this.services as Services
    if (services.session.state.value.kind === 'unlocked') keeperOf(services)
  }

  #screen(): Screen | undefined {
    const { session, router } = this.services as Services
    const path = router.path.value
    switch (session.state.value.kind) {
      case 'starting':
        return undefined
      case 'signed-out':
        return path === '/join' ? JOIN : WELCOME
      case 'locked':
        return LOCKED
      case 'unlocked':
        if (session.needsRecoveryConfirmed) return RECOVERY
        return insideOf(path)
    }
  }

  override render() {
    if (this.broken) {
      return html`<main class="page"><h1>Kith cannot start</h1><p class="error" role="alert">${this.broken}</p>
        <p><button class="primary" @click=${() => location.reload()}>Reload</button></p></main>`
    }
    const screen = this.ready
    if (!screen || !this.services) {
      // What the page itself shows from its first paint on stays where it is.
      return html`<slot></slot>
        ${this.isSlow ? html`<p class="slow" role="status">This takes longer than it should. <button @click=${() => location.reload()}>Load again</button></p>` : nothing}`
    }
    // Until the screen comes, the page's own stays where it is.
    if (screen.nav && !this.isFramed) return html`<slot></slot>${this.#nav(this.services)}`
    return html`
      ${screen.nav ? this.#nav(this.services) : nothing}
      <div class="frame ${screen.nav ? 'with-nav' : ''}" tabindex="-1">${this.#banners()} ${screen.render()}</div>
      <toast-stack></toast-stack>
    `
  }

  #banners() {
    const { session, mediaWorker, busy, isOutdated } = this.services as Services
    const state = session.state.value
    const fault = session.fault.value
    return html`
      ${fault ? html`<p class="banner bad" role="alert" data-code=${fault.code}>${sentenceFor(fault)}</p>` : nothing}
      ${
        state.kind === 'unlocked' && !state.online && !fault
          ? html`<p class="banner" role="status">
              ${
                session.isExpired.value
                  ? html`Your session is over.<button @click=${this.#renew}>Sign in</button>`
                  : 'Not connected. You see what this device has kept.'
              }
            </p>`
          : nothing
      }
      ${this.renewing ? html`<renew-dialog @close=${() => (this.renewing = false)}></renew-dialog>` : nothing}
      ${isOutdated.value ? html`<p class="banner bad" role="alert">${OUTDATED}<button @click=${() => location.reload()}>Reload</button></p>` : nothing}
      ${
        mediaWorker.needsReload.value && (state.kind === 'unlocked' || mediaWorker.needsReload.value === 'versions')
          ? html`<p class="banner" role="status">${RELOADS[mediaWorker.needsReload.value]}<button @click=${() => location.reload()}>Reload</button></p>`
          : nothing
      }
      ${mediaWorker.updateWaits.value && !busy.isBusy && !isOutdated.value ? html`<update-banner></update-banner>` : nothing}
    `
  }

  #renew = async (): Promise<void> => {
    await import('../vault/renew-dialog.ts')
    this.renewing = true
  }

  /** A fragment does not lead into a shadow root. */
  #skip = (): void => this.renderRoot.querySelector<HTMLElement>('.frame')?.focus()

  /** How many wait there for the person. */
  #count(path: string) {
    const talk = this.services?.talk.value
    const count =
      path === '/friends'
        ? (talk?.friends.list.value.filter(({ state }) => state === 'asked').length ?? 0)
        : path === '/chats'
          ? (talk?.chat.unread.value ?? 0)
          : 0
    return count > 0
      ? html`<b class="count">${count > 99 ? '99+' : count}<span class="visually-hidden"> new</span></b>`
      : nothing
  }

  #nav({ router }: Services) {
    return html`<nav aria-label="Main">
      <button class="skip" @click=${this.#skip}>Skip to content</button>
      ${TABS.map(
        ({ path, label, icon: name }) =>
          html`<a href=${path} aria-current=${router.path.value === path ? 'page' : nothing}>${icon(name)}${this.#count(path)}<span>${label}</span></a>`,
      )}
    </nav>`
  }
}
customElements.define('kith-app', KithApp)

declare global {
  interface HTMLElementTagNameMap {
    'kith-app': KithApp
  }
}
