import type { ManifestOptions } from 'vite-plugin-pwa'

const png = (name: string, side: number) => ({
  src: `/icons/${name}.png`,
  sizes: `${side}x${side}`,
  type: 'image/png',
})
const screen = (name: string, sizes: string, form_factor: 'narrow' | 'wide', label: string) => ({
  src: `/screenshots/${name}.webp`,
  sizes,
  type: 'image/webp',
  form_factor,
  label,
})

/** Kith as an installed app. Its members: https://www.w3.org/TR/appmanifest/ and its registries. */
export const appManifest = {
  id: '/',
  name: 'Kith',
  short_name: 'Kith',
  description: 'Private media and chat for a circle of friends',
  lang: 'en',
  dir: 'ltr',
  start_url: '/',
  scope: '/',
  display: 'standalone',
  display_override: ['standalone', 'minimal-ui'],
  orientation: 'any',
  background_color: '#1f1a38',
  // The page says which it is in light and in dark (index.html).
  theme_color: '#1f1a38',
  categories: ['photo', 'social'],
  prefer_related_applications: false,
  // A second window would be a second uploader that waits for the first.
  launch_handler: { client_mode: ['focus-existing', 'auto'] },
  icons: [
    png('icon-192', 192),
    png('icon-512', 512),
    { ...png('maskable-512', 512), purpose: 'maskable' },
    { ...png('monochrome-512', 512), purpose: 'monochrome' },
  ],
  shortcuts: [
    { name: 'Chats', url: '/chats', icons: [png('shortcut-chats', 96)] },
    { name: 'Friends', url: '/friends', icons: [png('shortcut-friends', 96)] },
    { name: 'Uploads', url: '/activity', icons: [png('shortcut-uploads', 96)] },
  ],
  // The Service Worker takes it (sw/share.ts): it never goes to the server.
  share_target: {
    action: '/share',
    method: 'POST',
    enctype: 'multipart/form-data',
    params: {
      title: 'title',
      text: 'text',
      url: 'url',
      files: [{ name: 'files', accept: ['image/*', 'video/*', 'audio/*', '*/*'] }],
    },
  },
  file_handlers: [
    {
      action: '/',
      accept: {
        'video/mp4': ['.mp4', '.m4v'],
        'video/quicktime': ['.mov'],
        'video/webm': ['.webm'],
        'video/x-matroska': ['.mkv'],
        'image/jpeg': ['.jpg', '.jpeg'],
        'image/png': ['.png'],
        'image/webp': ['.webp'],
        'image/heic': ['.heic'],
      },
    },
  ],
  screenshots: [
    screen('library-narrow', '390x844', 'narrow', 'Your circle’s library'),
    screen('chat-narrow', '390x844', 'narrow', 'A chat between two friends'),
    screen('library-wide', '1280x800', 'wide', 'Your circle’s library'),
    screen('viewer-wide', '1280x800', 'wide', 'A video, opened on your device'),
  ],
} satisfies Partial<ManifestOptions>
