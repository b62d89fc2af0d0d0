import { css } from 'lit'

/** Screens before one is in: one narrow column. */
export const welcome = css`
  main {
    display: grid;
    gap: 1.25rem;
    align-content: center;
    width: min(100%, 440px);
    min-height: 100dvh;
    margin: 0 auto;
    padding: 2rem 1.25rem;
  }
  main > img {
    border-radius: 18px;
  }
  form {
    display: grid;
    gap: 1.125rem;
  }
  .others {
    display: flex;
    flex-wrap: wrap;
    gap: 0.25rem 1rem;
    align-items: center;
    justify-content: center;
  }
`
