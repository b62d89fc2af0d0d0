import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import { sentenceFor, sentenceForCode } from '../app/messages.ts'
import '../elements/camera-button.ts'
import { icon } from '../elements/icon.ts'
import { durationLabel } from '../library/days.ts'
import { controls } from '../styles/controls.ts'
import { isOnlyHere } from '../upload/copy.ts'
import { previewOf } from './lines.ts'
import { fitsMessage } from './rows.ts'
import type { Message, Thread } from './types.ts'
import { VoiceRecorder } from './voice-recorder.ts'

const SAVE_AFTER_MS = 400

/**
 * Where one writes: text, files, a voice note; answers and edits what it is given.
 * @fires done when the answer, resp. the edit, is over
 */
export class ChatComposer extends KithElement {
  static override properties = {
    thread: { attribute: false },
    reply: { attribute: false },
    editing: { attribute: false },
    isEmpty: { state: true },
    recorder: { state: true },
    elapsedMs: { state: true },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        padding: 8px calc(8px + var(--safe-right)) calc(8px + var(--safe-bottom)) calc(8px + var(--safe-left));
        border-top: 1px solid var(--line);
        background: var(--raised);
      }
      form {
        display: flex;
        align-items: flex-end;
        gap: 4px;
      }
      textarea {
        flex: 1;
        min-height: 44px;
        max-height: 40dvh;
        margin: 0;
        padding: 10px 14px;
        border-radius: 22px;
        resize: none;
        field-sizing: content;
      }
      .about {
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 0 8px 6px;
        font-size: 0.875rem;
      }
      .about p {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .about button {
        min-height: 36px;
      }
      .send {
        width: 44px;
        padding: 0;
        flex: none;
      }
      .speaking {
        flex: 1;
        align-self: center;
        padding: 0 8px;
        font-variant-numeric: tabular-nums;
      }
      .dot {
        display: inline-block;
        width: 10px;
        height: 10px;
        margin-right: 8px;
        border-radius: 50%;
        background: var(--bad);
      }
    `,
  ]
  declare thread: Thread
  declare reply: Message | null
  declare editing: Message | null
  declare isEmpty: boolean
  declare recorder: VoiceRecorder | null
  declare elapsedMs: number
  #saving: ReturnType<typeof setTimeout> | undefined
  /** The person is in the field. */
  #isHere = false
  #setWriting: (isOn: boolean) => void = () => undefined
  #setRecording: (isOn: boolean) => void = () => undefined
  #clock: ReturnType<typeof setInterval> | undefined

  constructor() {
    super()
    this.reply = null
    this.editing = null
    this.isEmpty = true
    this.recorder = null
    this.elapsedMs = 0
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#setWriting = this.services.busy.switch('writing')
    this.#setRecording = this.services.busy.switch('recording')
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    void this.#flushDraft()
    clearInterval(this.#clock)
    void this.recorder?.cancel()
    this.#setWriting(false)
    this.#setRecording(false)
  }

  protected override firstUpdated(): void {
    this.#setText(this.thread.conversation.value.draft)
  }

  override updated(changed: Map<PropertyKey, unknown>): void {
    const content = this.editing?.content
    if (changed.has('editing') && (content?.type === 'text' || content?.type === 'media'))
      this.#setText(content.text ?? '')
    if ((changed.has('editing') && this.editing) || (changed.has('reply') && this.reply)) this.focus()
    // What was left is kept as a draft; an edit is not.
    this.#setWriting(this.editing !== null || (this.#isHere && !this.isEmpty))
    // Until what was spoken is handed over.
    this.#setRecording(this.recorder !== null || this.working)
  }

  override focus(): void {
    this.#field?.focus({ preventScroll: true })
  }

  get #field(): HTMLTextAreaElement | null {
    return this.renderRoot.querySelector('textarea')
  }

  override render() {
    const about = this.editing ?? this.reply
    return html`
      ${
        about
          ? html`<div class="about">
              <p>${this.editing ? 'Edit: ' : 'Reply to: '}${previewOf(about)}</p>
              <button class="quiet" @click=${this.#leave}>Cancel</button>
            </div>`
          : nothing
      }
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${this.recorder ? this.#speaking() : this.#writing()}
    `
  }

  #writing() {
    const canSpeak = this.isEmpty && !this.editing && VoiceRecorder.isPossible()
    return html`<form @submit=${this.#submit} @paste=${this.#paste}>
      <button type="button" class="icon" aria-label="Attach files" @click=${this.#pick}>${icon('attach')}</button>
      <input hidden type="file" multiple aria-label="Files to send" @change=${this.#attach} />
      ${this.isEmpty && !this.editing ? html`<camera-button @taken=${({ detail }: CustomEvent<File[]>) => this.sendFiles(detail)}></camera-button>` : nothing}
      <textarea
        rows="1"
        aria-label="Message"
        data-drafts
        placeholder="Message"
        enterkeyhint="send"
        @input=${this.#typed}
        @focus=${this.#came}
        @blur=${this.#left}
        @keydown=${this.#key}
      ></textarea>
      ${
        canSpeak
          ? html`<button type="button" class="icon voice" aria-label="Record a voice note" @click=${this.#speak}>${icon('voice')}</button>`
          : html`<button class="primary send" aria-label=${this.editing ? 'Save' : 'Send'} ?disabled=${this.isEmpty && !this.#isCaption}>${icon('send', 22)}</button>`
      }
    </form>`
  }

  #speaking() {
    return html`<form @submit=${this.#sendVoice}>
      <button type="button" class="icon" aria-label="Throw the voice note away" @click=${this.#dropVoice}>${icon('trash')}</button>
      <p class="speaking" role="timer"><span class="dot"></span>Recording ${durationLabel(this.elapsedMs)}</p>
      <button class="primary send" aria-label="Send the voice note" ?disabled=${this.working}>${icon('send', 22)}</button>
    </form>`
  }

  /** A caption may be left empty, a message not. */
  get #isCaption(): boolean {
    return this.editing?.content.type === 'media'
  }

  #setText(text: string): void {
    const field = this.#field
    if (field) field.value = text
    this.isEmpty = text.trim() === ''
  }

  #typed = (): void => {
    const text = this.#field?.value ?? ''
    this.isEmpty = text.trim() === ''
    // What is typed now has not failed yet.
    if (this.failure) {
      this.failure = null
      this.requestUpdate()
    }
    if (this.editing) return
    if (!this.isEmpty) this.thread.typing()
    this.#stopSaving()
    this.#saving = setTimeout(() => void this.#flushDraft(), SAVE_AFTER_MS)
  }

  /** What was typed since it was last written down. */
  async #flushDraft(): Promise<void> {
    if (this.#saving === undefined) return
    this.#stopSaving()
    if (!this.editing) await this.thread.saveDraft(this.#field?.value ?? '')
  }

  #stopSaving(): void {
    clearTimeout(this.#saving)
    this.#saving = undefined
  }

  #came = (): void => {
    this.#isHere = true
    this.requestUpdate()
  }

  #left = ({ relatedTarget }: FocusEvent): void => {
    // To the button beside it: what was written goes out in a moment.
    if (relatedTarget instanceof Node && this.renderRoot.contains(relatedTarget)) return
    this.#isHere = false
    void this.#flushDraft().finally(() => this.requestUpdate())
  }

  /** Enter sends where there is a keyboard; on a touch screen it begins a new line. */
  #key = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && (this.editing || this.reply)) this.#leave()
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || matchMedia('(pointer: coarse)').matches) return
    event.preventDefault()
    this.renderRoot.querySelector('form')?.requestSubmit()
  }

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const text = this.#field?.value.trim() ?? ''
    if (text === '' && !this.#isCaption) return
    if (!fitsMessage(text)) {
      // Before anything is taken out of the field.
      this.failure = sentenceForCode('message/too-large')
      this.requestUpdate()
      return
    }
    const { editing, reply, thread } = this
    this.#stopSaving()
    // It is on its way while the page changes.
    const sending = this.#send(text, editing, reply, thread)
    // At once: what is typed while this goes out belongs to the next message.
    this.#setText(editing ? thread.conversation.value.draft : '')
    // The button that sends goes away with what was written.
    this.focus()
    if (editing || reply) this.dispatchEvent(new CustomEvent('done'))
    if (!editing) this.dispatchEvent(new CustomEvent('sent'))
    sending.catch((error: unknown) => {
      this.failure = sentenceFor(error)
      const typed = this.#field?.value ?? ''
      this.#setText(typed === '' ? text : `${text}\n${typed}`)
      this.requestUpdate()
    })
  }

  async #send(text: string, editing: Message | null, reply: Message | null, thread: Thread): Promise<void> {
    this.failure = null
    if (editing?.ref) return thread.edit(editing.ref, text)
    await thread.sendText(text, reply?.ref ? { reply: reply.ref } : {})
    // The draft went with it; what was typed meanwhile may have been written down before that.
    const typed = this.#field?.value ?? ''
    if (typed !== '') await thread.saveDraft(typed)
  }

  #leave = (): void => {
    if (this.editing) this.#setText(this.thread.conversation.value.draft)
    this.dispatchEvent(new CustomEvent('done'))
  }

  #pick = (): void => this.renderRoot.querySelector<HTMLInputElement>('input[multiple]')?.click()

  #attach = (event: Event): void => {
    const input = event.target as HTMLInputElement
    this.sendFiles([...(input.files ?? [])])
    input.value = ''
  }

  #paste = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])].map(isOnlyHere)
    if (files.length === 0) return
    event.preventDefault()
    this.sendFiles(files)
  }

  sendFiles(files: readonly File[]): void {
    if (files.length === 0) return
    const { reply, thread } = this
    void this.attempt(async () => {
      await thread.sendFiles(files, reply?.ref ? { reply: reply.ref } : {})
      if (reply) this.dispatchEvent(new CustomEvent('done'))
    })
  }

  #speak = (): void => {
    void VoiceRecorder.start().then(
      (recorder) => {
        // The person may have gone while the browser asked.
        if (!this.isConnected) return void recorder.cancel()
        this.recorder = recorder
        this.elapsedMs = 0
        this.#clock = setInterval(() => {
          this.elapsedMs = Date.now() - recorder.startedAt
        }, 250)
      },
      () => {
        this.failure = 'The microphone cannot be used. Allow it in the browser’s settings.'
        this.requestUpdate()
      },
    )
  }

  #dropVoice = (): void => {
    void this.#endVoice()?.cancel()
  }

  #sendVoice = (event: SubmitEvent): void => {
    event.preventDefault()
    const recorder = this.#endVoice()
    if (!recorder) return
    void this.attempt(async () => {
      const { sound, durationMs, waveform } = await recorder.finish()
      await this.thread.sendVoice(sound, { durationMs, waveform })
    })
  }

  #endVoice(): VoiceRecorder | null {
    clearInterval(this.#clock)
    const { recorder } = this
    this.recorder = null
    // Both buttons that end it are gone with it.
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('.voice')?.focus())
    return recorder
  }
}
customElements.define('chat-composer', ChatComposer)
