import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fetchJars } from '../maven-jars.ts'

export interface Helm {
  /** `helm lint --strict`: its messages if it failed, else nothing. */
  lint(chart: string): Promise<readonly string[]>
  /** `helm template watch --namespace fraud --set …`, as YAML. @throws what Helm says. */
  template(chart: string, set: Readonly<Record<string, string>>): Promise<string>
  /** What Kubernetes' own types refuse; in `unknown` the kinds that are not its own. */
  validate(manifests: readonly unknown[]): Promise<{ problems: readonly string[]; unknown: readonly string[] }>
  close(): Promise<void>
}

/** Helm in a Java process, by Helm.java. @throws where Java or Maven is missing, saying which. */
export async function startHelm(): Promise<Helm> {
  await promisify(execFile)('java', ['-version']).catch(() => {
    throw new Error('no Java to run Helm: install Java 17 and Maven')
  })
  const jars = await fetchJars(fileURLToPath(new URL('pom.xml', import.meta.url)))
  const source = fileURLToPath(new URL('Helm.java', import.meta.url))
  const child = spawn('java', ['-cp', join(jars, '*'), source], { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const ask = async (request: unknown) => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const line = await lines.next()
    if (line.done === true) throw new Error(`Helm ended: ${said}`)
    const answer = JSON.parse(line.value) as Readonly<Record<string, unknown>> // one of Helm.java's answers
    if (typeof answer['error'] === 'string') throw new Error(answer['error'])
    return answer
  }
  return {
    lint: async (chart) => {
      const { messages, failed } = (await ask({ lint: chart })) as { messages: readonly string[]; failed: boolean }
      return failed ? messages : []
    },
    template: async (chart, set) => ((await ask({ template: chart, set })) as { yaml: string }).yaml,
    validate: async (manifests) =>
      (await ask({ validate: manifests })) as { problems: readonly string[]; unknown: readonly string[] },
    close: async () => {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}
