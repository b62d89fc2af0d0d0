import { createContext } from '@lit/context'
import type { Services } from './services.ts'

/** How the frame hands its services down. */
export const servicesContext = createContext<Services>(Symbol('kith services'))
