/**
 * What this page says to others, as far as the beginning needs it. To make schemas takes a phone long: they are a task
 * of their own, and so a part of their own (vite.config.ts).
 */
import '../../shared/format/username.ts'
import '../../shared/wire/accounts.ts'
import '../../shared/wire/connections.ts'
import '../../shared/wire/events.ts'
import '../../shared/wire/groups.ts'
import '../../shared/wire/media.ts'
import '../../shared/wire/page-sw.ts'
import '../../shared/wire/vault.ts'
