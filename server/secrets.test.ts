import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { credentialIdentifier, openSecrets } from './secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'kith-secrets-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('are the same for two first starts at once, and for every start after', async () => {
  const [a, b] = await Promise.all([openSecrets(folder), openSecrets(folder)])
  expect(a).toEqual(b)
  expect(await openSecrets(folder)).toEqual(a)
  expect(readdirSync(folder).sort()).toEqual(['credential-key', 'opaque-setup', 'vapid-keys', 'worker-token'])
})

it('know each slot of a name by another identifier', async () => {
  const secrets = await openSecrets(folder)
  const identifiers = [credentialIdentifier(secrets, 'anna', 0), credentialIdentifier(secrets, 'anna', 1)]
  expect(new Set(identifiers).size).toBe(2)
  for (const identifier of identifiers) expect(identifier).toMatch(/^[\w-]{43}$/)
})
