import type { Api } from './api.ts'
import { registerHealth } from './health.ts'
import { registerInstance } from './instance.ts'

/** One for each resource; a new resource adds its line. */
export const ROUTES: readonly ((api: Api) => void)[] = [registerHealth, registerInstance]
