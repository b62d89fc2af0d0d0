/** A landscape, as layers from the sky to what is near: nobody's photos lie in the project. */
type Scene = {
  readonly name: string
  readonly sky: readonly [string, string, string]
  /** Sun or moon. */
  readonly light: { readonly x: number; readonly y: number; readonly r: number; readonly color: string }
  /** Hills, the farthest first. */
  readonly hills: readonly string[]
  /** How steep they are, in px. */
  readonly steep: number
  /** What stands on the nearest hill. */
  readonly near?: 'firs' | 'flowers' | 'reeds'
  /** A lake from here on, in px from the top. */
  readonly water?: number
  readonly stars?: boolean
}

const HEIGHT = 1200

export const SCENES: readonly Scene[] = [
  {
    name: 'Harvest evening',
    sky: ['#2d1b4e', '#e0596b', '#ffc46b'],
    light: { x: 0.62, y: 0.5, r: 80, color: '#fff0c2' },
    hills: ['#a8485f', '#7a3353', '#4d2144', '#2a1330'],
    steep: 90,
    near: 'firs',
  },
  {
    name: 'Lake at six',
    sky: ['#8fc6e8', '#d9ecf2', '#fdeee0'],
    light: { x: 0.3, y: 0.28, r: 60, color: '#fffdf5' },
    hills: ['#9db9c9', '#6f95ab', '#486f86'],
    steep: 150,
    water: 690,
    near: 'reeds',
  },
  {
    name: 'Poppies',
    sky: ['#5aa9e6', '#a9d8f5', '#f6f3df'],
    light: { x: 0.8, y: 0.22, r: 70, color: '#fffbe0' },
    hills: ['#a7c98a', '#7fae5c', '#568a3c', '#37692b'],
    steep: 60,
    near: 'flowers',
  },
  {
    name: 'Moon over the bay',
    sky: ['#070b24', '#182a5c', '#3d5a94'],
    light: { x: 0.7, y: 0.24, r: 66, color: '#f4f1de' },
    hills: ['#1d2c58', '#131d40'],
    steep: 80,
    water: 640,
    stars: true,
  },
  {
    name: 'First snow',
    sky: ['#b9c7da', '#dfe6ee', '#f7f4f1'],
    light: { x: 0.4, y: 0.35, r: 50, color: '#ffffff' },
    hills: ['#cfd9e4', '#e4eaf0', '#f4f7f9', '#ffffff'],
    steep: 130,
    near: 'firs',
  },
  {
    name: 'Desert road',
    sky: ['#2f6fa8', '#86c0d8', '#ffe2b8'],
    light: { x: 0.2, y: 0.4, r: 90, color: '#fff6d6' },
    hills: ['#d99a6c', '#c2764a', '#9c5233', '#6f3524'],
    steep: 70,
  },
  {
    name: 'After the rain',
    sky: ['#3c4f63', '#7d98a3', '#d7ddc9'],
    light: { x: 0.55, y: 0.42, r: 40, color: '#fdf7dc' },
    hills: ['#5f7f78', '#446459', '#2c493d', '#182d25'],
    steep: 120,
    near: 'firs',
  },
  {
    name: 'Lavender',
    sky: ['#f08a5d', '#f7b787', '#fdebc8'],
    light: { x: 0.5, y: 0.47, r: 84, color: '#fffbe6' },
    hills: ['#b79bc8', '#8f6bb0', '#6a4593', '#472a6d'],
    steep: 50,
    near: 'flowers',
  },
]

/** The same numbers each time, so that a picture changes only with its scene. */
function numbers(seed: number): () => number {
  let state = seed * 2654435761 + 1
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32
  }
}

/**
 * @param turn another view of the same place.
 * @returns the picture as SVG, `width` × 1200 px.
 */
export function draw(scene: Scene, turn = 0, width = HEIGHT): string {
  const next = numbers(SCENES.indexOf(scene) + 1 + turn * SCENES.length)
  const { sky, light, hills, steep, water } = scene
  const horizon = water ?? 560
  const ridge = (top: number): number[] => {
    const waves = [1, 2.3, 4.7, 9.1].map((each) => ({ of: each, at: next() * 6.3, high: steep / each ** 0.8 }))
    return Array.from({ length: width / 10 + 1 }, (_, step) =>
      waves.reduce((y, { of, at, high }) => y + Math.sin((step / 60) * of + at) * high * 0.5, top),
    )
  }
  const parts: string[] = []
  if (scene.stars) {
    for (let star = 0; star < width / 8; star++) {
      parts.push(
        `<circle cx="${next() * width}" cy="${next() * 560}" r="${0.8 + next() * 1.8}" fill="#fff" opacity="${0.3 + next() * 0.6}"/>`,
      )
    }
  }
  const [x, y] = [light.x * width, light.y * HEIGHT]
  parts.push(
    `<circle cx="${x}" cy="${y}" r="${light.r * 4}" fill="url(#glow)"/><circle cx="${x}" cy="${y}" r="${light.r}" fill="${light.color}"/>`,
  )
  let nearest: number[] = []
  for (const [index, color] of hills.entries()) {
    const top = water === undefined ? horizon + (index * (HEIGHT - horizon)) / hills.length : horizon - 130 + index * 45
    nearest = ridge(top)
    const line = nearest.map(
      (height, step) => `${step * 10},${water === undefined ? height : Math.min(height, horizon)}`,
    )
    parts.push(`<polygon points="0,${HEIGHT} ${line.join(' ')} ${width},${HEIGHT}" fill="${color}"/>`)
  }
  if (water !== undefined) parts.push(lake(scene, water, width, next))
  if (scene.near === 'firs') parts.push(firs(nearest, hills.at(-2) === '#f4f7f9' ? '#45586a' : '#120c18', next))
  if (scene.near === 'flowers')
    parts.push(
      flowers(
        nearest,
        scene.name === 'Lavender' ? ['#7d55ad', '#a685cf', '#c9aee6'] : ['#d8342b', '#ee5a42', '#f7c948'],
        next,
      ),
    )
  if (scene.near === 'reeds') parts.push(reeds(width, next))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${HEIGHT}" viewBox="0 0 ${width} ${HEIGHT}">
<defs>
  <linearGradient id="sky" x2="0" y2="1"><stop stop-color="${sky[0]}"/><stop offset=".32" stop-color="${sky[1]}"/><stop offset=".6" stop-color="${sky[2]}"/></linearGradient>
  <radialGradient id="glow"><stop stop-color="${light.color}" stop-opacity=".75"/><stop offset="1" stop-color="${light.color}" stop-opacity="0"/></radialGradient>
  <filter id="grain"><feTurbulence type="fractalNoise" baseFrequency=".9" numOctaves="2"/><feColorMatrix values="0 0 0 0 .5  0 0 0 0 .5  0 0 0 0 .5  0 0 0 .35 0"/></filter>
</defs>
<rect width="${width}" height="${HEIGHT}" fill="url(#sky)"/>${parts.join('')}
<rect width="${width}" height="${HEIGHT}" filter="url(#grain)" opacity=".22" style="mix-blend-mode:overlay"/></svg>`
}

function lake({ sky, light }: Scene, top: number, width: number, next: () => number): string {
  const glints = Array.from({ length: 90 }, () => {
    const y = top + 6 + next() ** 1.6 * (HEIGHT - top)
    const wide = 20 + ((y - top) / (HEIGHT - top)) * 190 * next()
    const isLit = next() < 0.55
    const x = isLit ? light.x * width + (next() - 0.5) * (60 + (y - top) * 0.5) : next() * width
    return `<rect x="${x - wide / 2}" y="${y}" width="${wide}" height="${2 + next() * 4}" rx="2" fill="${isLit ? light.color : sky[1]}" opacity="${0.15 + next() * 0.4}"/>`
  })
  return `<linearGradient id="lake" x2="0" y2="1"><stop stop-color="${sky[2]}"/><stop offset=".5" stop-color="${sky[1]}"/><stop offset="1" stop-color="${sky[0]}"/></linearGradient>
<rect y="${top}" width="${width}" height="${HEIGHT - top}" fill="url(#lake)"/><rect y="${top}" width="${width}" height="${HEIGHT - top}" fill="#0b1730" opacity=".18"/>${glints.join('')}`
}

function firs(ground: readonly number[], color: string, next: () => number): string {
  const trees: string[] = []
  for (let step = 0; step < ground.length; step += 1 + Math.floor(next() * 5)) {
    const [x, y, high] = [step * 10, (ground[step] ?? 0) + 14, 90 + next() * 200]
    const tiers = Array.from({ length: 5 }, (_, tier) => {
      const top = y - high + tier * high * 0.17
      const half = high * (0.05 + tier * 0.035)
      return `M${x} ${top}L${x - half} ${top + high * 0.3}L${x + half} ${top + high * 0.3}Z`
    })
    trees.push(`<path d="${tiers.join('')}" fill="${color}"/>`)
  }
  return trees.join('')
}

function flowers(ground: readonly number[], colors: readonly string[], next: () => number): string {
  const all = Array.from({ length: 520 }, () => {
    const depth = next()
    const step = Math.floor(next() * ground.length)
    return {
      x: step * 10 + next() * 10,
      y: (ground[step] ?? 0) + depth * 330,
      r: 3 + depth * 15,
      color: colors[Math.floor(next() * colors.length)],
    }
  })
  return all
    .sort((a, b) => a.y - b.y)
    .map(
      ({ x, y, r, color }) =>
        `<ellipse cx="${x}" cy="${y}" rx="${r}" ry="${r * 0.78}" fill="${color}"/><circle cx="${x}" cy="${y + r * 0.1}" r="${r * 0.26}" fill="#2a1a1f" opacity=".6"/>`,
    )
    .join('')
}

function reeds(width: number, next: () => number): string {
  return Array.from({ length: 70 }, () => {
    const [x, high, bend] = [next() ** 1.7 * width * 0.55, 120 + next() * 330, (next() - 0.3) * 90]
    return `<path d="M${x} ${HEIGHT}q${bend * 0.2} ${-high * 0.6} ${bend} ${-high}" fill="none" stroke="#22362f" stroke-width="${3 + next() * 4}" stroke-linecap="round"/>`
  }).join('')
}
