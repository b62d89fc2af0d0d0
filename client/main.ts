import { firstPaint, nextTask } from './app/next-task.ts'
import { applyTheme } from './app/theme.ts'
import { installTrustedTypes } from './app/trusted-types.ts'

installTrustedTypes()
applyTheme()
// What lies in the page shows before the program takes the processor.
firstPaint()
  .then(() => import('./app/contract.ts'))
  .then(nextTask)
  .then(() => import('./app/start.ts'))
  .catch(() => {
    const said = document.querySelector('.splash p')
    if (said) said.textContent = 'Kith could not be loaded. Check the network and reload the page.'
  })
