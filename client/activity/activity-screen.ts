import { css, html, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { isAppError } from '../../shared/errors.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { cancelJob, type JobView, listJobs, retryJob } from '../../shared/wire/jobs.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor, sentenceForCode } from '../app/messages.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { sizeLabel, timeLeftLabel } from '../library/days.ts'
import { isMedia } from '../media/items.ts'
import { controls } from '../styles/controls.ts'
import { isPassing } from '../upload/messages.ts'
import type { UploadView } from '../upload/uploads.ts'

const ASK_AGAIN_MS = 15_000
const FINISHED_SHOWN = 12
const WAITS = {
  memory: 'Waiting for memory',
  swap: 'Waiting for memory',
  load: 'Waiting until the machine is less busy',
  disk: 'Waiting for disk space',
}
const STAGES = { starting: 'Starting', reading: 'Reading', converting: 'Converting', finishing: 'Finishing' }

/** What is being uploaded and converted: how far, how long, and a way to stop it or try again. */
export class ActivityScreen extends KithElement {
  static override properties = { jobs: { state: true }, titles: { state: true } }
  static override styles = [
    controls,
    css`
      li .what {
        display: grid;
        gap: 4px;
        color: inherit;
        text-decoration: none;
      }
      .name {
        font-weight: 600;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .bad {
        color: var(--bad);
      }
    `,
  ]
  declare jobs: ReadonlyMap<string, JobView>
  declare titles: ReadonlyMap<MediaId, string>
  /** Kept as they are: nobody expects them to be converted. */
  readonly #plainFiles = new Set<MediaId>()
  readonly #ends: (() => void)[] = []

  constructor() {
    super()
    this.jobs = new Map()
    this.titles = new Map()
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { session, uploads, events } = this.services
    new Watch(this, uploads.all)
    this.#ends.push(
      events.on('job', (job) => this.#take([job])),
      events.connected.watch((isConnected) => isConnected && void this.#load()),
      session.requireUnlocked().groups.all.watch(() => void this.#load()),
    )
    // Also where the connection stands still without saying so.
    const asking = setInterval(() => this.#isWaiting() && void this.#load(), ASK_AGAIN_MS)
    this.#ends.push(() => clearInterval(asking))
    void this.#load()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#ends.splice(0)) end()
  }

  #isWaiting(): boolean {
    const isActive = ({ state }: JobView) => state === 'queued' || state === 'running' || state === 'waiting_resource'
    return document.visibilityState === 'visible' && [...this.jobs.values()].some(isActive)
  }

  async #load(): Promise<void> {
    try {
      for (const groupId of this.#groups()) {
        await this.#name(groupId)
        this.#take((await this.services.api.call(listJobs, { params: { groupId } })).jobs)
      }
      this.failure = null
    } catch (error) {
      if (!isAppError(error)) throw error
      this.failure = sentenceFor(error)
      this.requestUpdate()
    }
  }

  async #name(groupId: GroupId): Promise<void> {
    const items = await this.services.items.kept(groupId)
    const titles = new Map(this.titles)
    for (const { record, card } of items) {
      if (!card) continue
      titles.set(record.mediaId, card.title)
      if (!isMedia(card)) this.#plainFiles.add(record.mediaId)
    }
    this.titles = titles
  }

  #take(jobs: readonly JobView[]): void {
    const all = new Map(this.jobs)
    // An answer that was on its way for long must not undo what was told meanwhile.
    for (const job of jobs) if (job.updatedAt >= (all.get(job.jobId)?.updatedAt ?? 0)) all.set(job.jobId, job)
    this.jobs = all
    const unknown = jobs.find(({ mediaId }) => !this.titles.has(mediaId))
    if (unknown)
      void this.services.items.sync(unknown.groupId).then(
        () => this.#name(unknown.groupId),
        () => undefined,
      )
  }

  #groups(): GroupId[] {
    return [...this.services.session.requireUnlocked().groups.all.value.keys()]
  }

  override render() {
    const uploads = [...this.services.uploads.all.value.values()]
    const jobs = [...this.jobs.values()].sort((a, b) => b.updatedAt - a.updatedAt)
    const active = jobs.filter(({ state }) => state === 'queued' || state === 'running' || state === 'waiting_resource')
    const ended = jobs.filter((job) => !active.includes(job)).slice(0, FINISHED_SHOWN)
    return html`<main class="page">
      <h1>Activity</h1>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${uploads.length + jobs.length === 0 ? html`<p class="soft">Nothing is going on. Uploads and conversions show up here.</p>` : nothing}
      ${
        uploads.length > 0
          ? html`<section class="card" aria-labelledby="uploads">
              <h2 id="uploads">Uploads</h2>
              <ul class="list">
                ${repeat(
                  uploads,
                  ({ mediaId }) => mediaId,
                  (upload) => this.#upload(upload),
                )}
              </ul>
            </section>`
          : nothing
      }
      ${active.length > 0 ? this.#section('Being converted', active) : nothing}
      ${ended.length > 0 ? this.#section('Earlier', ended) : nothing}
    </main>`
  }

  #upload(upload: UploadView) {
    const { fileName, phase, sentBytes, sealedBytes, totalBytes, code, speed } = upload
    const left = speed > 0 ? `, ${timeLeftLabel(((totalBytes - sentBytes) / speed) * 1000)} left` : ''
    const percent = Math.floor((100 * (phase === 'sealing' ? sealedBytes : sentBytes)) / Math.max(1, totalBytes))
    const texts = {
      waiting: 'Waiting',
      sealing: `Sealing, ${percent} %`,
      sending: `Sending, ${percent} % of ${sizeLabel(totalBytes)}${left}`,
      'needs-file': `Pick ${fileName} again to go on`,
      stopped: stoppedText(upload, this.services.uploads.hasFile(upload.mediaId)),
      done: 'Done',
      cancelled: 'Cancelled',
    }
    return html`<li data-phase=${phase}>
      <div class="what grow">
        <span class="name">${fileName}</span>
        <progress max="100" value=${percent} aria-label="Upload of ${fileName}"></progress>
        <span class="soft small ${phase === 'stopped' ? 'bad' : ''}">${texts[phase]}</span>
      </div>
      ${phase === 'needs-file' || code === 'upload/source-changed' ? html`<button @click=${() => this.#pickAgain(upload)}>Pick</button>` : nothing}
      ${phase === 'stopped' ? html`<button class="icon" aria-label="Try ${fileName} again" @click=${() => void this.attempt(() => this.services.uploads.retry(upload.mediaId))}>${icon('retry', 20)}</button>` : nothing}
      <button class="icon" aria-label="Cancel ${fileName}" @click=${() => this.services.uploads.cancel(upload.mediaId)}>${icon('close', 20)}</button>
    </li>`
  }

  #pickAgain({ mediaId }: UploadView): void {
    const input = Object.assign(document.createElement('input'), { type: 'file' })
    input.onchange = () => {
      const file = input.files?.[0]
      if (file) this.services.uploads.again(mediaId, file)
    }
    input.click()
  }

  #section(heading: string, jobs: readonly JobView[]) {
    return html`<section class="card" aria-label=${heading}>
      <h2>${heading}</h2>
      <ul class="list">
        ${repeat(
          jobs,
          ({ jobId }) => jobId,
          (job) => this.#job(job),
        )}
      </ul>
    </section>`
  }

  #job(job: JobView) {
    const name = this.titles.get(job.mediaId) ?? 'An item'
    const isActive = job.state === 'queued' || job.state === 'running' || job.state === 'waiting_resource'
    const isKept = job.state === 'failed' && this.#plainFiles.has(job.mediaId)
    const isBad = job.state === 'failed' && !isKept
    return html`<li data-state=${job.state}>
      <a class="what grow" href="/item/${job.mediaId}">
        <span class="name">${name}</span>
        ${job.state === 'running' ? html`<progress max="1000" value=${job.permille} aria-label="Conversion of ${name}"></progress>` : nothing}
        <span class="soft small ${isBad ? 'bad' : ''}">${isKept ? 'Kept as a file' : stateText(job)}</span>
      </a>
      ${isActive ? html`<button class="icon" aria-label="Cancel converting ${name}" @click=${() => this.#call(cancelJob, job)}>${icon('close', 20)}</button>` : nothing}
      ${isBad || job.state === 'cancelled' ? html`<button class="icon" aria-label="Convert ${name} again" @click=${() => this.#call(retryJob, job)}>${icon('retry', 20)}</button>` : nothing}
    </li>`
  }

  #call(route: typeof cancelJob | typeof retryJob, { jobId }: JobView): void {
    void this.attempt(async () => this.#take([await this.services.api.call(route, { params: { jobId } })]))
  }
}

function stoppedText({ code, fileName, isKept }: UploadView, isHeld: boolean): string {
  if (!code) return 'Stopped'
  const sentence = sentenceForCode(code)
  if (!isPassing(code)) return sentence
  if (isKept) return `${sentence} You may close it: nothing gets lost.`
  return isHeld
    ? `${sentence} Keep it open until then: ${fileName} is too large to be kept here.`
    : `${sentence} Then pick ${fileName} again.`
}

function stateText(job: JobView): string {
  const left = job.etaMs === null ? '' : `, ${timeLeftLabel(job.etaMs)} left`
  switch (job.state) {
    case 'queued':
      return 'Waiting for a worker'
    case 'waiting_resource':
      return `${WAITS[job.waitReason ?? 'memory']}${job.etaMs === null ? '' : `, about ${timeLeftLabel(job.etaMs)}`}`
    case 'running':
      return `${STAGES[job.stage ?? 'starting']}, ${Math.round(job.permille / 10)} %${left}`
    case 'done':
      return 'Done'
    case 'cancelled':
      return 'Cancelled'
    case 'failed':
      return sentenceForCode(job.failure ?? 'internal')
  }
}
customElements.define('activity-screen', ActivityScreen)
