import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { NestExpressApplication } from '@nestjs/platform-express'
import type { NextFunction, Request, Response } from 'express'

/** Paths that are not the dashboard's, whatever a browser asks for there. */
const reserved = /^\/(?:api|health|metrics)(?:\/|$)/

const missing = `Tocsin: the API is at /api/docs. The dashboard is not built; run: npm run build\n`

/**
 * Serves the built dashboard: its files, and its page for every other path that a browser opens, since the page itself
 * knows what `/alerts/…` shows. Files under `assets/` carry a hash in their name and may be kept for ever.
 */
export function serveDashboard(app: NestExpressApplication, folder: string | null): void {
  const page = folder === null ? undefined : join(folder, 'index.html')
  if (folder !== null) {
    app.useStaticAssets(folder, {
      index: false,
      setHeaders: (response: Response, path: string) => {
        const hashed = path.startsWith(join(folder, 'assets'))
        response.setHeader('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    })
  }
  app.use((request: Request, response: Response, next: NextFunction) => {
    // A browser that opens a page says so; what asks for anything gets the truth about a file that is not there. The
    // URL that was printed answers whoever tries it, with curl or as a health check.
    const reading = request.method === 'GET' || request.method === 'HEAD'
    const opened = reading && (request.path === '/' || (request.header('accept') ?? '').includes('text/html'))
    if (!opened || reserved.test(request.path)) next()
    // Looked for at each request: the dashboard may be built after the start.
    else if (page === undefined || !existsSync(page)) response.status(503).type('text').send(missing)
    else response.set('cache-control', 'no-cache').sendFile(page, { dotfiles: 'allow' })
  })
}
