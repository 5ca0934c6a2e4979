const needed = [22, 12] as const

/** What to tell who runs Tocsin on a Node too old for it; null: it is new enough. `version` as `process.versions.node`. */
export function oldNodeLine(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [neededMajor, neededMinor] = needed
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return null
  return (
    `tocsin: Node ${version} is too old: it needs ${needed.join('.')} or newer. ` +
    'In a checkout `npm start` and `npm run tocsin` use the Node that comes along.'
  )
}
