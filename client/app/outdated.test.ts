import 'fake-indexeddb/auto'
import { deleteDB, openDB } from 'idb'
import { expect, it, vi } from 'vitest'
import { openDevice } from '../../shared/device/db.ts'
import { sentenceFor } from './messages.ts'
import { isOutdated, untilOutdated } from './outdated.ts'

it('a database that was deleted begins anew; one that a newer version took is told in words', async () => {
  let wasTold = false
  const anew = Promise.withResolvers<void>()
  const onAnew = vi.fn(anew.resolve)
  const outdated = untilOutdated(onAnew).then(() => {
    wasTold = true
  })
  await openDevice()
  expect(onAnew).not.toHaveBeenCalled()
  // As Chromium does while it clears what it keeps.
  vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
    throw new DOMException('The connection was closed.', 'AbortError')
  })
  await deleteDB('kith')
  await anew.promise
  await (await openDevice()).count('keys')
  expect(wasTold).toBe(false)

  const newer = await openDB('kith', 1000)
  await outdated
  const refusal = await openDevice().catch((error: unknown) => error)
  expect(isOutdated(refusal)).toBe(true)
  expect(sentenceFor(refusal)).toContain('newer version')
  newer.close()
})
