import { unsafeCSS } from 'lit'

/** Where the tabs stand at the side and not at the foot: a phone that lies on its side is wide, and too low for them. */
export const rail = unsafeCSS('(min-width: 900px) and (min-height: 560px)')
