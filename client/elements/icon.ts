import { html, svg, type TemplateResult } from 'lit'

/** Outline icons on a 24 px grid. They decorate: the control that holds one has the name. */
const PATHS = {
  library: 'M4 5h7v7H4zM13 5h7v4h-7zM13 11h7v8h-7zM4 14h7v5H4z',
  activity: 'M3 12h4l3-8 4 16 3-8h4',
  circle:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.500 20a6.500 6.500 0 0 1 13 0M16 4.300a3.500 3.500 0 0 1 0 6.400M18.500 14.500a6.500 6.500 0 0 1 3 5.500',
  settings:
    'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM8 14.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z',
  upload: 'M12 16V4M6.500 9.500 12 4l5.500 5.500M4 16v4h16v-4',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  close: 'M6 6l12 12M18 6 6 18',
  back: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  share: 'M12 15V3M8 7l4-4 4 4M5 12v8h14v-8',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  worker: 'M4 6h16v10H4zM9 20h6M12 16v4M8 11l2 2 5-4',
  eye: 'M2 12s3.600-7 10-7 10 7 10 7-3.600 7-10 7S2 12 2 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  play: 'M8 5v14l11-7z',
  warning: 'M12 3 2 20h20zM12 10v4M12 17h.01',
  download: 'M12 4v12M6.500 10.500 12 16l5.500-5.500M4 20h16',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  retry: 'M4 12a8 8 0 1 0 2.500-5.800M4 4v4h4',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01',
  keep: 'M12 4v9M8.500 10 12 13.500 15.500 10M5 13v5a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-5',
  shield: 'M12 3l7 3v5c0 5-3 8.500-7 10-4-1.500-7-5-7-10V6zM9 12l2 2 4-4',
  camera: 'M4 8h3l2-3h6l2 3h3v11H4zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z',
  video: 'M3 7h11v10H3zM14 11l7-4v10l-7-4z',
  qr: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18v2',
  chat: 'M4 5h16v11H10l-5 4v-4H4z',
  friends: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500a7.500 7.500 0 0 1 15 0',
  attach:
    'M20 11.500 12 19.500a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700L9.700 17.200a1.700 1.700 0 0 1-2.400-2.400L15 7',
  voice:
    'M12 15a3.500 3.500 0 0 0 3.500-3.500v-5a3.500 3.500 0 0 0-7 0v5A3.500 3.500 0 0 0 12 15zM5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3',
  send: 'M4 12 20 4l-5 16-3.500-6.500zM11.500 13.500 20 4',
  timer: 'M12 21a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 9v4l2.500 2M9.500 2.500h5',
  search: 'M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500 20.500 20.500',
  tick: 'M5 12.500 10 17.500 19.500 7',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
} as const
export type IconName = keyof typeof PATHS

export function icon(name: IconName, sizePx = 24): TemplateResult {
  const path = svg`<path d=${PATHS[name]} />`
  return html`<svg
    width=${sizePx}
    height=${sizePx}
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    ${path}
  </svg>`
}
