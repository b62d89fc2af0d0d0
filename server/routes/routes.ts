import { createGroups } from '../groups/groups.ts'
import { createJobs } from '../jobs/jobs.ts'
import { createObjects } from '../media/objects.ts'
import { createUploads } from '../uploads/uploads.ts'
import { registerAccounts } from './accounts.ts'
import type { Api } from './api.ts'
import { registerConnections } from './connections.ts'
import { registerGrants } from './grants.ts'
import { registerGroups } from './groups.ts'
import { registerHealth } from './health.ts'
import { registerIdentities } from './identities.ts'
import { registerInstance } from './instance.ts'
import { registerInvites } from './invites.ts'
import { registerJobs } from './jobs.ts'
import { registerMedia } from './media.ts'
import { registerMessages } from './messages.ts'
import { registerObjects } from './objects.ts'
import { registerPeople } from './people.ts'
import { registerPush } from './push.ts'
import { registerRecovery } from './recovery.ts'
import { registerSessions } from './sessions.ts'
import { registerUploads } from './uploads.ts'
import { registerVault } from './vault.ts'
import { registerWorkers } from './workers.ts'

/** One for each resource; a new resource adds its line. */
export const ROUTES: readonly ((api: Api) => void)[] = [
  registerHealth,
  registerInstance,
  registerSessions,
  registerRecovery,
  registerVault,
  registerIdentities,
  registerInvites,
  registerWorkers,
  registerPeople,
  registerConnections,
  registerMessages,
  registerGrants,
  registerPush,
  (api) => {
    const groups = createGroups(api.deps)
    registerAccounts(api, groups)
    registerGroups(api, groups)
  },
  (api) => {
    const jobs = createJobs(api.deps)
    const objects = createObjects(api.deps, jobs)
    const uploads = createUploads(api.deps, objects)
    registerMedia(api, jobs)
    registerJobs(api, jobs)
    registerObjects(api, objects)
    registerUploads(api, uploads, objects)
  },
]
