import { html, nothing } from 'lit'
import { isOnlyHere } from '../upload/copy.ts'
import { icon } from './icon.ts'

const CAMERA_LABEL = 'Take a photo or video'

/** The system's camera as a choice of its own, on phones; elsewhere it would be the same dialog as for any file. */
export function cameraButton(className: string, take: (files: File[]) => void) {
  if (!matchMedia('(pointer: coarse)').matches) return nothing
  const open = ({ currentTarget }: Event) =>
    ((currentTarget as HTMLElement).nextElementSibling as HTMLInputElement | null)?.click()
  const taken = ({ currentTarget }: Event) => {
    const input = currentTarget as HTMLInputElement
    take([...(input.files ?? [])].map(isOnlyHere))
    input.value = ''
  }
  return html`<button type="button" class=${className} aria-label=${CAMERA_LABEL} @click=${open}>${icon('camera')}</button>
    <input hidden type="file" accept="image/*,video/*" capture="environment" aria-label="Photo or video that was taken" @change=${taken} />`
}
