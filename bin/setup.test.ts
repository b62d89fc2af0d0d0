import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const NODE = process.execPath
const VERSION = /^NODE_VERSION=(\S+)$/m.exec(readFileSync('bin/setup', 'utf8'))?.[1] ?? ''
const PINNED = `.node/node-${VERSION}-${process.platform}-${process.arch}/bin/node`

/** A checkout in which nothing is missing but what a test takes away, and a path with nothing on it but what it names. */
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kith-setup-'))
  mkdirSync(join(folder, 'bin'))
  copyFileSync('bin/setup', join(folder, 'bin/setup'))
  write('package-lock.json', '{}')
  write('node_modules/.kith-setup', execFileSync('cksum', { input: '{}' }).toString())
  mkdirSync(join(folder, 'path'))
  for (const name of ['cat', 'cksum', 'dirname', 'id', 'mkdir', 'mktemp', 'mv', 'rm', 'tar', 'uname']) {
    symlinkSync(
      execFileSync('/bin/sh', ['-c', `command -v ${name}`])
        .toString()
        .trim(),
      join(folder, 'path', name),
    )
  }
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(path: string, text: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
  chmodSync(join(folder, path), 0o755)
}

/** A Node that says it is `version`; started with nothing to do, it tells its name. */
function putNode(path: string, version: string, name: string) {
  write(
    `${name}.cjs`,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
  )
  write(
    path,
    `#!/bin/sh\nif [ $# = 0 ]; then echo ${name}; else exec '${NODE}' -r '${join(folder, name)}.cjs' "$@"; fi\n`,
  )
}

function setup(options: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['bin/setup', ...options, '--', 'node'], {
    cwd: folder,
    env: { PATH: join(folder, 'path'), ...env },
    encoding: 'utf8',
  })
  return { status, stdout: stdout.trim(), said: stderr.trim().split('\n') }
}

it.each([
  ['18.20.8', [], 'pinned'],
  ['22.17.1', [], 'pinned'],
  ['22.18.0', [], 'system'],
  ['23.5.0', [], 'pinned'],
  ['23.6.0', [], 'system'],
  ['24.0.0', [], 'system'],
  ['22.18.0', ['--tests'], 'pinned'],
  ['25.9.0', ['--tests'], 'pinned'],
  ['26.0.0', ['--tests'], 'system'],
])('where Node %s is installed, runs %j with the Node that is %s', (version, options, name) => {
  putNode('path/node', version, 'system')
  putNode(PINNED, VERSION, 'pinned')
  expect(setup(options)).toEqual({ status: 0, stdout: name, said: [''] })
})

it('runs with its own Node where the system has none', () => {
  putNode(PINNED, VERSION, 'pinned')
  expect(setup([])).toEqual({ status: 0, stdout: 'pinned', said: [''] })
})

it('says what to install where there is no Node at all', () => {
  expect(setup([])).toEqual({
    status: 1,
    stdout: '',
    said: [expect.stringMatching(/^kith: Node\.js and npm are missing: /)],
  })
})

it.each([
  [[], '22.18'],
  [['--tests'], '26'],
])('says what to do where a newer Node cannot be fetched: %j', (options, needed) => {
  putNode('path/node', '20.1.0', 'system')
  write('path/npm', '#!/bin/sh\nexit 1\n')
  const { status, said } = setup(options)
  expect(status).toBe(1)
  expect(said.at(-1)).toMatch(new RegExp(`could not be fetched: .*install Node ${needed} or newer`))
  expect(readdirSync(join(folder, '.node'))).toEqual([])
})

it('runs no Node that the registry changed', () => {
  putNode('path/node', '20.1.0', 'system')
  write('path/npm', '#!/bin/sh\necho evil >node.tgz\n')
  const { status, stdout, said } = setup([])
  expect([status, stdout]).toEqual([1, ''])
  expect(said.at(-1)).toMatch(/is not the one this version of Kith was made with/)
  expect(readdirSync(join(folder, '.node'))).toEqual([])
})

it.each([
  [{}, /^kith: ffmpeg is missing: install it/],
  [
    { KITH_FFMPEG: '/nowhere/ffmpeg' },
    /^kith: \/nowhere\/ffmpeg is not there: KITH_FFMPEG and KITH_FFPROBE must name programs/,
  ],
])('says in one sentence that ffmpeg is missing: %j', (env, sentence) => {
  putNode('path/node', '26.0.0', 'system')
  expect(setup(['--ffmpeg'], env)).toEqual({ status: 1, stdout: '', said: [expect.stringMatching(sentence)] })
})

describe('where a browser is missing', () => {
  /** A system with apt, which knows the packages that are named, and installs nothing. */
  function putApt(known: string[], user = 0) {
    putNode('path/node', '26.0.0', 'system')
    for (const name of ['id', 'uname']) rmSync(join(folder, 'path', name))
    write('path/id', `#!/bin/sh\necho ${user}\n`)
    write('path/uname', '#!/bin/sh\necho Linux\n')
    write('path/env', '#!/bin/sh\nexit 1\n')
    write('path/apt-get', '#!/bin/sh\nexit 1\n')
    write('path/apt-cache', `#!/bin/sh\ncase " ${known.join(' ')} " in *" $2 "*) exit 0 ;; esac\nexit 100\n`)
  }
  const WEBKIT = [
    'webkit2gtk-driver',
    'xvfb',
    'gstreamer1.0-libav',
    'gstreamer1.0-plugins-good',
    'gstreamer1.0-plugins-bad',
  ]
  const notTried = (name: string) => `kith: ${name} is not here, and this system does not offer it: it is not tried`

  it.each([
    ['Firefox', ['firefox-esr'], 'KITH_FIREFOX'],
    ['WebKitGTK', WEBKIT, 'KITH_WEBKIT_DRIVER'],
  ])(
    '%s must come where the system offers it, or somebody has to say that it is to go without',
    (name, packages, variable) => {
      putApt(packages)
      const { status, stdout, said } = setup(['--engines'])
      expect([status, stdout]).toEqual([1, ''])
      expect(said.at(-1)).toMatch(
        new RegExp(`^kith: ${name} could not be installed, .*: see what apt-get install ${packages[0]} ?`),
      )
      const without = setup(['--engines'], { [variable]: '' })
      expect(without).toMatchObject({ status: 0, stdout: 'system' })
      expect(without.said).not.toContain(notTried(name))
    },
  )

  it.each<[string, () => void]>([
    ['apt does not know them, as Ubuntu’s does not know Firefox', () => putApt(WEBKIT.slice(1))],
    ['apt may not be used', () => putApt(['firefox-esr', ...WEBKIT], 1000)],
    [
      'there is no apt',
      () => {
        putApt([])
        rmSync(join(folder, 'path/apt-get'))
      },
    ],
  ])('goes on without them, and says so, where %s', (_, prepare) => {
    prepare()
    const { status, stdout, said } = setup(['--engines'])
    expect([status, stdout]).toEqual([0, 'system'])
    expect(said).toEqual(expect.arrayContaining([notTried('Firefox'), notTried('WebKitGTK')]))
  })

  it.each([
    ['Linux', '/usr/bin/firefox-esr', '/usr/bin/WebKitWebDriver'],
    ['Darwin', '', ''],
  ])('tells the walks on %s which there are', (system, firefox, webkit) => {
    putApt([])
    write('path/uname', `#!/bin/sh\necho ${system}\n`)
    const found = system === 'Linux' ? ['firefox-esr', 'WebKitWebDriver', 'Xvfb'] : []
    for (const name of found) write(`path/${name}`, '#!/bin/sh\n')
    const { stdout } = spawnSync(
      '/bin/sh',
      ['bin/setup', '--engines', '--', '/bin/sh', '-c', 'echo "$KITH_FIREFOX $KITH_WEBKIT_DRIVER"'],
      {
        cwd: folder,
        env: { PATH: join(folder, 'path') },
        encoding: 'utf8',
      },
    )
    const at = (path: string) => path.replace('/usr/bin', join(folder, 'path'))
    expect(stdout.trim()).toBe(`${at(firefox)} ${at(webkit)}`.trim())
  })
})
