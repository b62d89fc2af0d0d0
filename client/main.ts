import './app/kith-app.ts'
import { MediaWorker } from './app/service-worker.ts'
import { createServices } from './app/services.ts'
import { applyTheme } from './app/theme.ts'
import { installTrustedTypes } from './app/trusted-types.ts'

installTrustedTypes()
applyTheme()
const mediaWorker = import.meta.env.DEV
  ? new MediaWorker('/dev-sw.js?dev-sw', 'module')
  : new MediaWorker('/sw.js', 'classic')
const app = document.querySelector('kith-app')
const services = createServices(mediaWorker)
if (app) app.services = services
void mediaWorker.start(services)
