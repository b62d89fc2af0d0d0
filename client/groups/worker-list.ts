import { css, html, nothing } from 'lit'
import type { UserId, WorkerId } from '../../shared/format/ids.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { isPassing } from '../app/passing.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import type { Ask } from './confirm-dialog.ts'
import { type Group, mayManage } from './group.ts'
import { enrolWorker, type KnownWorker, readWorkers } from './workers.ts'
import './confirm-dialog.ts'

function labels(groups: readonly Group[]): string {
  const circlesFirst = [...groups].sort((a, b) => Number(a.kind === 'personal') - Number(b.kind === 'personal'))
  const names = circlesFirst.map(({ kind, name }) =>
    kind === 'personal' ? 'what only you see' : (name ?? 'the circle'),
  )
  return new Intl.ListFormat('en').format(names)
}

/** The machines that convert videos: who works for which group, and who waits to be let in. */
export class WorkerList extends KithElement {
  static override properties = { workers: { state: true }, fault: { state: true }, asking: { state: true } }
  static override styles = [
    controls,
    css`
      .fingerprint {
        font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace;
        font-size: 1rem;
        letter-spacing: 0.02em;
        overflow-wrap: anywhere;
      }
    `,
  ]
  declare workers: readonly KnownWorker[] | null
  declare fault: string | null
  declare asking: Ask | null
  #stop: () => void = () => undefined

  constructor() {
    super()
    this.workers = null
    this.fault = null
    this.asking = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { events, session } = this.services
    const { groups } = session.requireUnlocked()
    new Watch(this, groups.all, groups.failures)
    const read = () => void this.#read()
    const stops = [
      events.on('worker', read),
      session.state.watch((state) => state.kind === 'unlocked' && state.online && read()),
    ]
    this.#stop = () => {
      for (const stop of stops) stop()
    }
    read()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#stop()
  }

  async #read(): Promise<void> {
    try {
      this.workers = await readWorkers(this.services.api)
      this.fault = null
    } catch (error) {
      // That the server cannot be reached is said once, above.
      this.fault = isPassing(error) ? null : sentenceFor(error)
    }
  }

  override render() {
    const { groups, account } = this.services.session.requireUnlocked()
    const all = [...groups.all.value.values()]
    // Right after the start some groups may not be open yet: one tap is for all of them, and says so.
    const workers = (groups.isWhole && this.workers) || []
    return html`<section class="card stack" aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      ${this.fault ? html`<p class="error" role="alert">${this.fault}</p>` : nothing}
      ${
        this.workers?.length === 0
          ? html`<p class="soft">A worker makes videos streamable. It starts together with the server, and shows up here.</p>`
          : nothing
      }
      ${workers.map((worker) => this.#worker(worker, all, account.userId))}
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${this.asking ? html`<confirm-dialog .ask=${this.asking} @close=${() => (this.asking = null)}></confirm-dialog>` : nothing}
    </section>`
  }

  #worker(worker: KnownWorker, all: readonly Group[], me: UserId) {
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
customElements.define('worker-list', WorkerList)
