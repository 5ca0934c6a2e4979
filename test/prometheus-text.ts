/**
 * The sum of a metric's samples whose labels hold `label`; undefined where there is none. Source: Prometheus' text
 * exposition format.
 */
export function sampleOf(exposition: string, name: string, label = ''): number | undefined {
  const samples = exposition
    .split('\n')
    .filter((line) => line.startsWith(name) && /[ {]/.test(line.charAt(name.length)) && line.includes(label))
  if (samples.length === 0) return undefined
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
