import { css, html, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { AppError } from '../../shared/errors.ts'
import type { GroupId, WorkerId } from '../../shared/format/ids.ts'
import { type Invite, isOpen, type Member } from '../../shared/logs/group-state.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { isPassing } from '../app/passing.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { type Group, mayManage } from './group.ts'
import { enrolWorker, type KnownWorker, readWorkers } from './workers.ts'
import '../elements/dialog.ts'
import './invite-dialog.ts'

const INVITED = { admin: 'An admin', member: 'A member', worker: 'A worker' } as const

function usesOf({ uses, maxUses }: Invite): string {
  return maxUses === 1 ? 'Once' : `${maxUses - uses} of ${maxUses} left`
}

function labels(groups: readonly Group[]): string {
  const circlesFirst = [...groups].sort((a, b) => Number(a.kind === 'personal') - Number(b.kind === 'personal'))
  const names = circlesFirst.map(({ kind, name }) =>
    kind === 'personal' ? 'what only you see' : (name ?? 'the circle'),
  )
  return new Intl.ListFormat('en').format(names)
}

const ROLES = { owner: 'Owner', admin: 'Admin', member: 'Member' } as const

type Ask = { readonly heading: string; readonly text: string; readonly label: string; run(): Promise<void> }

/** Who is in the circle, who may come in, and which machines may convert videos for it. */
export class CircleScreen extends KithElement {
  static override properties = {
    workers: { state: true },
    workersFault: { state: true },
    inviting: { state: true },
    asking: { state: true },
  }
  static override styles = [
    controls,
    css`
      .avatar {
        display: grid;
        place-items: center;
        flex: none;
        width: 40px;
        height: 40px;
        border-radius: 50%;
        background: var(--accent-soft);
        color: var(--accent);
        font-weight: 700;
        text-transform: uppercase;
      }
      .fingerprint {
        font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace;
        font-size: 1rem;
        letter-spacing: 0.02em;
        overflow-wrap: anywhere;
      }
      header {
        display: flex;
        justify-content: space-between;
        align-items: center;
        gap: 1rem;
        flex-wrap: wrap;
      }
    `,
  ]
  declare workers: readonly KnownWorker[] | null
  declare workersFault: string | null
  declare inviting: boolean
  declare asking: Ask | null
  #stop: () => void = () => undefined

  constructor() {
    super()
    this.workers = null
    this.workersFault = null
    this.inviting = false
    this.asking = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { groups } = this.services.session.requireUnlocked()
    new Watch(this, groups.all, groups.failures)
    void this.#readWorkers()
    const { events, session } = this.services
    const read = () => void this.#readWorkers()
    const stops = [
      events.on('worker', read),
      session.state.watch((state) => state.kind === 'unlocked' && state.online && read()),
    ]
    this.#stop = () => {
      for (const stop of stops) stop()
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#stop()
  }

  async #readWorkers(): Promise<void> {
    try {
      this.workers = await readWorkers(this.services.api)
      this.workersFault = null
    } catch (error) {
      // That the server cannot be reached is said once, above.
      this.workersFault = isPassing(error) ? null : sentenceFor(error)
    }
  }

  override render() {
    const { groups, account } = this.services.session.requireUnlocked()
    const circles = [...groups.all.value.values()].filter(({ kind }) => kind === 'circle')
    const failures = [...groups.failures.value]
    return html`<main class="page">
      ${failures.map(([groupId, error]) => this.#fault(groupId, error))}
      ${circles.map((circle) => this.#circle(circle, account.userId))}
      ${
        circles.length === 0 && failures.length === 0
          ? html`<h1>No circle yet</h1>
              <p class="soft">Open an invite link, or type the words of an invite, to share with others.</p>
              <p><a class="button primary" href="/join">I have an invite</a></p>`
          : nothing
      }
      ${this.#workers(account.userId)} ${this.#dialog()}
    </main>`
  }

  #circle(circle: Group, me: Member['userId']) {
    const mine = mayManage(circle, me)
    const invites = [...circle.state.invites.values()].filter((invite) => isOpen(invite, Date.now()))
    return html`<header>
        <h1>${circle.name ?? 'Circle'}</h1>
        ${mine ? html`<button class="primary" @click=${() => (this.inviting = true)}>Invite</button>` : nothing}
      </header>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${circle.state.needsRotation ? html`<p class="banner soft" role="status">The circle’s key is being changed.</p>` : nothing}
      <section class="card" aria-labelledby="members">
        <h2 id="members">Members</h2>
        <ul class="list">
          ${repeat(
            circle.state.members.values(),
            ({ userId }) => userId,
            (member) => html`<li>
              <span class="avatar" aria-hidden="true">${member.username.slice(0, 1)}</span>
              <span class="grow"><strong>${member.username}</strong>${member.userId === me ? ' (you)' : ''}<br /><span class="soft small">${ROLES[member.role]}</span></span>
              ${mine && member.userId !== me && member.role !== 'owner' ? html`<button class="quiet" aria-label="Remove ${member.username}" @click=${() => this.#askRemove(circle, member)}>Remove</button>` : nothing}
            </li>`,
          )}
        </ul>
      </section>
      ${invites.length > 0 ? this.#invites(circle, invites, mine) : nothing}
      ${this.inviting ? html`<invite-dialog .groupId=${circle.groupId} @close=${() => (this.inviting = false)}></invite-dialog>` : nothing}`
  }

  #fault(groupId: GroupId, error: AppError) {
    const { groups } = this.services.session.requireUnlocked()
    return html`<div class="error row" role="alert" data-code=${error.code}>
      <span class="grow">${sentenceFor(error)}</span>
      ${error.code === 'group/not-member' ? html`<button class="quiet" @click=${() => void this.attempt(() => groups.forget(groupId))}>Forget it</button>` : nothing}
    </div>`
  }

  #invites(circle: Group, invites: readonly Invite[], mine: boolean) {
    return html`<section class="card" aria-labelledby="invites">
      <h2 id="invites">Open invites</h2>
      <ul class="list">
        ${repeat(
          invites,
          ({ inviteId }) => inviteId,
          (invite) => html`<li>
            <span class="avatar" aria-hidden="true">${icon(invite.role === 'worker' ? 'worker' : 'circle')}</span>
            <span class="grow">
              <strong>${INVITED[invite.role]}</strong><br />
              <span class="soft small">${usesOf(invite)}, until ${new Date(invite.expiresAt).toLocaleDateString()}</span>
            </span>
            ${mine ? html`<button class="quiet" aria-label="End this invite" @click=${() => this.#askEndInvite(circle, invite)}>End</button>` : nothing}
          </li>`,
        )}
      </ul>
    </section>`
  }

  #workers(me: Member['userId']) {
    const { groups } = this.services.session.requireUnlocked()
    const all = [...groups.all.value.values()]
    const workers = this.workers ?? []
    return html`<section class="card stack" aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      ${this.workersFault ? html`<p class="error" role="alert">${this.workersFault}</p>` : nothing}
      ${
        workers.length === 0
          ? html`<p class="soft">A worker makes videos streamable. It starts together with the server, and shows up here.</p>`
          : nothing
      }
      ${workers.map((worker) => this.#worker(worker, all, me))}
    </section>`
  }

  #worker(worker: KnownWorker, all: readonly Group[], me: Member['userId']) {
    const { workerId } = worker.statement
    const works = all.filter(({ state }) => state.workers.has(workerId))
    const missing = all.filter((group) => mayManage(group, me) && !group.state.workers.has(workerId))
    const mayRemove = works.some((group) => mayManage(group, me))
    const name = `Worker ${worker.fingerprint.slice(0, 11)}`
    return html`${
      works.length > 0
        ? html`<div class="row">
            <span class="avatar" aria-hidden="true">${icon('worker')}</span>
            <span class="grow">
              <strong>${name}</strong><br />
              <span class="soft small">${worker.online ? 'Ready' : 'Not connected'}, for ${labels(works)}</span>
            </span>
            ${mayRemove ? html`<button class="quiet" aria-label="Remove ${name}" @click=${() => this.#askRemoveWorker(workerId)}>Remove</button>` : nothing}
          </div>`
        : nothing
    }
    ${
      missing.length > 0
        ? html`<div class="stack">
            <p>
              ${works.length > 0 ? `It does not convert for ${labels(missing)} yet.` : 'A worker waits to be let in.'}
              Compare its fingerprint with the one printed where it runs:
            </p>
            <p class="fingerprint">${worker.fingerprint}</p>
            <p class="soft small">It will be able to open videos and photos of ${labels(missing)}, but not titles, names or messages.</p>
            <button class="primary" ?disabled=${this.working} @click=${() => this.#enrol(worker)}>The same: let it in</button>
          </div>`
        : nothing
    }`
  }

  #dialog() {
    const { asking } = this
    if (!asking) return nothing
    return html`<kith-dialog .heading=${asking.heading} @close=${() => (this.asking = null)}>
      <div class="stack">
        <p>${asking.text}</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <button class="danger" ?disabled=${this.working} @click=${() => this.#confirm(asking)}>${asking.label}</button>
      </div>
    </kith-dialog>`
  }

  #confirm(asking: Ask): void {
    void this.attempt(() => asking.run()).then((ok) => {
      if (ok) this.asking = null
    })
  }

  #askRemove(circle: Group, { userId, username }: Member): void {
    const { groups } = this.services.session.requireUnlocked()
    this.asking = {
      heading: `Remove ${username}?`,
      text: 'The circle gets a new key: they see nothing that is shared from now on. What they have seen they may have kept.',
      label: `Remove ${username}`,
      run: () => groups.remove(circle.groupId, userId),
    }
  }

  #askEndInvite(circle: Group, { inviteId }: Invite): void {
    const { groups } = this.services.session.requireUnlocked()
    this.asking = {
      heading: 'End this invite?',
      text: 'Nobody can join by it any more. The circle gets a new key, so that it opens nothing that comes after.',
      label: 'End the invite',
      run: () => groups.endInvite(circle.groupId, inviteId),
    }
  }

  #askRemoveWorker(workerId: WorkerId): void {
    const { groups, account } = this.services.session.requireUnlocked()
    this.asking = {
      heading: 'Remove this worker?',
      text: 'The keys change: it opens nothing that is shared from now on. Videos play as they were uploaded until another worker is let in.',
      label: 'Remove the worker',
      run: async () => {
        for (const group of groups.all.value.values()) {
          if (group.state.workers.has(workerId) && mayManage(group, account.userId)) {
            await groups.removeWorker(group.groupId, workerId)
          }
        }
      },
    }
  }

  /** One tap lets it into every group that this person manages, their own included. */
  #enrol(worker: KnownWorker): void {
    const { groups, account } = this.services.session.requireUnlocked()
    void this.attempt(async () => {
      for (const group of groups.all.value.values()) {
        if (mayManage(group, account.userId) && !group.state.workers.has(worker.statement.workerId)) {
          await enrolWorker(groups, group.groupId, worker)
        }
      }
      this.services.toasts.show('The worker is in. Videos are converted from now on.')
    })
  }
}
customElements.define('circle-screen', CircleScreen)
