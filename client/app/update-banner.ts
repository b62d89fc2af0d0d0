import { css, html, nothing } from 'lit'
import { controls } from '../styles/controls.ts'
import { KithElement } from './element.ts'
import { Watch } from './signal.ts'
import { readWhatsNew, type WhatsNew } from './whats-new.ts'

/** A new version waits: what is new in it, and the button that takes it. */
export class UpdateBanner extends KithElement {
  static override properties = { news: { state: true } }
  static override styles = [
    controls,
    css`
      details {
        flex-basis: 100%;
        font-size: 0.9375rem;
      }
      summary {
        min-height: 44px;
        align-content: center;
        cursor: pointer;
      }
      ul {
        display: grid;
        gap: 0.375rem;
        margin: 0;
        padding: 0 0 0.5rem 1.25rem;
        text-align: left;
      }
      .news {
        max-height: 40dvh;
        overflow-y: auto;
      }
      .banner {
        display: flex;
        flex-wrap: wrap;
        gap: 0.25rem 0.75rem;
        align-items: center;
        justify-content: center;
        padding: 0.5rem 1rem;
        background: var(--accent-soft);
      }
    `,
  ]
  declare news: WhatsNew | null

  constructor() {
    super()
    this.news = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    new Watch(this, this.services.mediaWorker.updateComes)
    void readWhatsNew().then((news) => {
      this.news = news
    })
  }

  override render() {
    const { news } = this
    const { mediaWorker } = this.services
    return html`<div class="banner" role="status">
      ${
        mediaWorker.updateComes.value
          ? html`<span>The new version comes as soon as nothing is sent, played or written in your other tabs.</span>`
          : html`<span>A new version is ready.</span>
              <button class="primary" @click=${() => void mediaWorker.update()}>Update</button>`
      }
      ${
        news && news.lines.length > 0
          ? html`<details>
              <summary>What is new in ${news.version}</summary>
              <div class="news" role="region" aria-label="What is new" tabindex="0">
                <ul>
                  ${news.lines.map((line) => html`<li>${line}</li>`)}
                </ul>
              </div>
            </details>`
          : nothing
      }
    </div>`
  }
}
customElements.define('update-banner', UpdateBanner)
