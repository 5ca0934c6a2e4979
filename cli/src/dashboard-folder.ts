import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The dashboard as `npm run build` leaves it, beside this program; null if it was not built. */
export function builtDashboard(): string | null {
  const folder = fileURLToPath(new URL('../../apps/dashboard/dist', import.meta.url))
  return existsSync(folder) ? folder : null
}
