import { css } from 'lit'

/** A column that fills the screen: head, messages, composer; on a wide screen the list stands beside it. */
export const conversationStyles = css`
  :host {
    display: block;
  }
  .whole {
    display: grid;
    height: calc(100dvh - var(--safe-top));
  }
  aside {
    display: none;
  }
  main {
    position: relative;
    display: flex;
    flex-direction: column;
    min-width: 0;
    min-height: 0;
  }
  header {
    display: flex;
    align-items: center;
    gap: 0.25rem;
    padding: 0.375rem 0.5rem;
    border-bottom: 1px solid var(--line);
  }
  header h1 {
    flex: 1;
    min-width: 0;
    overflow: hidden;
    font-size: 1.125rem;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .mark {
    display: inline-flex;
    vertical-align: -3px;
    color: var(--accent);
  }
  .log {
    /* What is in it is placed within it, or it would make the page longer. */
    position: relative;
    flex: 1;
    min-height: 0;
    padding: 8px 0 12px;
    overflow-y: auto;
    overscroll-behavior: contain;
    overflow-anchor: none;
  }
  .log:focus-visible {
    outline-offset: -3px;
  }
  .empty {
    padding: 30vh 2rem 0;
    text-align: center;
  }
  .day {
    margin: 0;
    padding: 14px 0 4px;
    color: var(--ink-soft);
    font-size: 0.8125rem;
    font-weight: 600;
    text-align: center;
  }
  .new {
    margin: 10px 12px 4px;
    border-top: 2px solid var(--accent);
    color: var(--accent);
    font-size: 0.8125rem;
    font-weight: 650;
  }
  .banner {
    margin: 0;
    padding: 0.5rem 1rem;
    background: var(--accent-soft);
    font-size: 0.9375rem;
    text-align: center;
  }
  .banner.bad {
    background: var(--bad-soft);
    color: var(--bad);
  }
  .to-foot {
    position: absolute;
    right: 16px;
    bottom: 84px;
    box-shadow: var(--shadow);
  }
  .closed {
    padding: 1rem;
    border-top: 1px solid var(--line);
    text-align: center;
  }
  @media (min-width: 900px) {
    .whole {
      grid-template-columns: 340px 1fr;
    }
    aside {
      display: block;
      overflow-y: auto;
      border-right: 1px solid var(--line);
    }
    aside h2 {
      padding: 1.125rem 1rem 0.75rem;
    }
  }
`
