import { sourceFiles } from './source-files.ts'

/** The names of all measures that the apps define, as their metrics.ts write them. */
export function measuredNames(): readonly string[] {
  return sourceFiles()
    .filter(({ path }) => /^apps\/\w[\w-]*\/src\/metrics\.ts$/.test(path))
    .flatMap(({ text }) => {
      const given = (pattern: RegExp, before = '', after = '') =>
        [...text.matchAll(pattern)].map(([, name]) => `${before}${name}${after}`)
      return [
        ...given(/'(tocsin_\w+)'/g),
        ...given(/gauge\(\s*'(\w+)'/g, 'tocsin_detector_'),
        ...given(/operator\(\s*'(\w+)'/g, 'tocsin_detector_operator_'),
        ...given(/durations\(\s*'(\w+)'/g, 'tocsin_detector_', '_duration_seconds'),
      ]
    })
}
