import { css } from 'lit'

/** Look of native controls, for every element's shadow root. */
export const controls = css`
  :host {
    box-sizing: border-box;
  }
  *,
  *::before,
  *::after {
    box-sizing: inherit;
  }
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p {
    margin: 0;
  }
  h1 {
    font-size: 1.75rem;
    line-height: 1.2;
    letter-spacing: -0.02em;
    font-weight: 700;
    text-wrap: balance;
  }
  h2 {
    font-size: 1.125rem;
    line-height: 1.3;
    font-weight: 650;
  }
  p {
    text-wrap: pretty;
  }
  .soft {
    color: var(--ink-soft);
  }
  .small {
    font-size: 0.875rem;
  }
  a {
    color: var(--accent);
  }
  :focus-visible {
    outline: 3px solid var(--focus);
    outline-offset: 2px;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.5rem;
    min-height: var(--tap);
    padding: 0.5rem 1.125rem;
    border: 1px solid var(--line-strong);
    border-radius: 999px;
    background: var(--raised);
    color: var(--ink);
    font: inherit;
    font-weight: 600;
    text-decoration: none;
    cursor: pointer;
    touch-action: manipulation;
    transition: background var(--motion), border-color var(--motion), transform var(--motion);
  }
  button:active {
    transform: scale(0.98);
  }
  @media (hover: hover) {
    button:hover:not(:disabled) {
      background: var(--sunken);
    }
  }
  button.primary,
  .button.primary {
    border-color: var(--accent);
    background: var(--accent);
    color: var(--accent-ink);
  }
  @media (hover: hover) {
    button.primary:hover:not(:disabled) {
      background: color-mix(in oklab, var(--accent) 88%, var(--ink));
    }
  }
  button.danger {
    border-color: var(--bad);
    color: var(--bad);
  }
  button.quiet {
    border-color: transparent;
    background: transparent;
    color: var(--accent);
  }
  button.icon,
  .button.icon {
    width: var(--tap);
    padding: 0;
    border-color: transparent;
    background: transparent;
    flex: none;
  }
  button.wide {
    width: 100%;
  }
  button:disabled {
    opacity: 0.55;
    cursor: default;
  }
  label {
    display: block;
    font-weight: 600;
    font-size: 0.9375rem;
  }
  input:not([type='checkbox'], [type='radio'], [type='file']),
  textarea,
  select {
    width: 100%;
    min-height: 48px;
    margin-top: 0.375rem;
    padding: 0.625rem 0.875rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--raised);
    color: var(--ink);
    /* 16 px at least: below that a phone zooms in on focus. */
    font: inherit;
    font-size: 1rem;
  }
  textarea {
    resize: vertical;
  }
  .hint {
    margin-top: 0.375rem;
    font-size: 0.875rem;
    font-weight: 400;
    color: var(--ink-soft);
  }
  .error {
    padding: 0.75rem 0.875rem;
    border-radius: var(--radius-small);
    background: var(--bad-soft);
    color: var(--bad);
    font-size: 0.9375rem;
  }
  .stack {
    display: grid;
    gap: 1rem;
  }
  .row {
    display: flex;
    align-items: center;
    gap: 0.75rem;
    flex-wrap: wrap;
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .card {
    padding: 1.25rem;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--raised);
  }
  .page {
    display: grid;
    gap: 1.25rem;
    align-content: start;
    max-width: 720px;
    margin: 0 auto;
    padding: 1.25rem 1rem 2rem;
  }
  .list {
    list-style: none;
    margin: 0;
    padding: 0;
    display: grid;
  }
  .list > li {
    display: flex;
    align-items: center;
    gap: 0.75rem;
    min-height: 60px;
    padding: 0.5rem 0;
    border-bottom: 1px solid var(--line);
  }
  .list > li:last-child {
    min-height: 52px;
    padding-bottom: 0;
    border-bottom: 0;
  }
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
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .skeleton {
    border-radius: var(--radius-small);
    background: var(--sunken);
    animation: breathe 1.4s ease-in-out infinite alternate;
  }
  .skeleton.tall {
    height: 280px;
  }
  @keyframes breathe {
    to {
      opacity: 0.5;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .skeleton {
      animation: none;
    }
  }
  progress {
    width: 100%;
    height: 6px;
    border: 0;
    border-radius: 3px;
    background: var(--sunken);
    accent-color: var(--accent);
    appearance: none;
  }
  progress::-webkit-progress-bar {
    border-radius: 3px;
    background: var(--sunken);
  }
  progress::-webkit-progress-value {
    border-radius: 3px;
    background: var(--accent);
    transition: width var(--motion);
  }
  progress::-moz-progress-bar {
    border-radius: 3px;
    background: var(--accent);
  }
`
