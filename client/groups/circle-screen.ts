import { css, html, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { AppError } from '../../shared/errors.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import type { Role } from '../../shared/logs/group-entries.ts'
import { type Invite, isOpen, type Member } from '../../shared/logs/group-state.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import type { Ask } from './confirm-dialog.ts'
import { type Group, mayManage, roleOf } from './group.ts'
import './confirm-dialog.ts'
import './invite-dialog.ts'
import { leave, mayLeave, setRole } from './membership.ts'
import './rename-dialog.ts'
import './worker-list.ts'

const INVITED = { admin: 'An admin', member: 'A member', worker: 'A worker' } as const

function usesOf({ uses, maxUses }: Invite): string {
  return maxUses === 1 ? 'Once' : `${maxUses - uses} of ${maxUses} left`
}

const ROLES = { owner: 'Owner', admin: 'Admin', member: 'Member' } as const

/** Who is in the circle, who may come in, and which machines may convert videos for it. */
export class CircleScreen extends KithElement {
  static override properties = {
    inviting: { state: true },
    renaming: { state: true },
    asking: { state: true },
  }
  static override styles = [
    controls,
    css`
      header {
        display: flex;
        justify-content: space-between;
        align-items: center;
        gap: 1rem;
        flex-wrap: wrap;
      }
      .role {
        width: auto;
        min-height: 36px;
        padding-block: 0.25rem;
        font-size: 0.875rem;
      }
    `,
  ]
  declare inviting: boolean
  /** By its id: the circle is another object with each change of its log. */
  declare renaming: GroupId | null
  declare asking: Ask | null

  constructor() {
    super()
    this.inviting = false
    this.renaming = null
    this.asking = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { groups } = this.services.session.requireUnlocked()
    new Watch(this, groups.all, groups.failures)
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
      <worker-list></worker-list>
      ${this.asking ? html`<confirm-dialog .ask=${this.asking} @close=${() => (this.asking = null)}></confirm-dialog>` : nothing}
    </main>`
  }

  #circle(circle: Group, me: Member['userId']) {
    const mine = mayManage(circle, me)
    const invites = [...circle.state.invites.values()].filter((invite) => isOpen(invite, Date.now()))
    return html`<header>
        <h1>
          ${circle.name ?? 'Circle'}
          ${mine ? html`<button class="icon" aria-label="Rename the circle" @click=${() => (this.renaming = circle.groupId)}>${icon('edit', 20)}</button>` : nothing}
        </h1>
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
              <span class="grow"><strong>${member.username}</strong>${member.userId === me ? ' (you)' : ''}<br />${this.#role(circle, member, me)}</span>
              ${mine && member.userId !== me && member.role !== 'owner' ? html`<button class="quiet" aria-label="Remove ${member.username}" @click=${() => this.#askRemove(circle, member)}>Remove</button>` : nothing}
            </li>`,
          )}
        </ul>
      </section>
      ${invites.length > 0 ? this.#invites(circle, invites, mine) : nothing}
      ${this.#leaving(circle, me)}
      ${this.renaming === circle.groupId ? html`<rename-dialog .group=${circle} @close=${() => (this.renaming = null)}></rename-dialog>` : nothing}
      ${this.inviting ? html`<invite-dialog .groupId=${circle.groupId} @close=${() => (this.inviting = false)}></invite-dialog>` : nothing}`
  }

  /** An owner chooses it for the others; everybody else reads it. */
  #role(circle: Group, member: Member, me: Member['userId']) {
    if (roleOf(circle, me) !== 'owner' || member.userId === me)
      return html`<span class="soft small">${ROLES[member.role]}</span>`
    return html`<select class="role" aria-label="Role of ${member.username}" ?disabled=${this.working} @change=${(event: Event) => this.#askRole(circle, member, event)}>
      ${Object.entries(ROLES).map(([role, label]) => html`<option value=${role} .selected=${role === member.role}>${label}</option>`)}
    </select>`
  }

  #askRole(circle: Group, { userId, username, role: before }: Member, event: Event): void {
    const field = event.target as HTMLSelectElement
    const role = field.value as Role
    const { groups } = this.services.session.requireUnlocked()
    const run = () => setRole(groups, circle.groupId, userId, role)
    // It becomes so when the log says so.
    field.value = before
    if (role !== 'owner') return void this.attempt(run)
    this.asking = {
      heading: `Make ${username} an owner?`,
      text: 'An owner can do all that you can: remove others, you too, and choose who else owns the circle.',
      label: `Make ${username} an owner`,
      run,
    }
  }

  #leaving(circle: Group, me: Member['userId']) {
    return html`<section class="card stack" aria-labelledby="leave">
      <h2 id="leave">Leave</h2>
      ${
        mayLeave(circle, me)
          ? html`<button class="danger" @click=${() => this.#askLeave(circle, me)}>Leave this circle</button>`
          : html`<p class="soft">You are its only owner. Make somebody else an owner first; then you can leave.</p>`
      }
    </section>`
  }

  #askLeave(circle: Group, me: Member['userId']): void {
    const { groups } = this.services.session.requireUnlocked()
    const isLast = circle.state.members.size === 1
    this.asking = {
      heading: `Leave ${circle.name ?? 'this circle'}?`,
      text: isLast
        ? 'You are the last one in it. What is in it can be opened by nobody afterwards.'
        : 'You see nothing of it any more. What you shared stays with the others; coming back takes an invite.',
      label: 'Leave',
      run: () => leave(groups, circle.groupId, me),
    }
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
}
customElements.define('circle-screen', CircleScreen)
