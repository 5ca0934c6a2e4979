import { registerHooks } from 'node:module'
import { kafkaMutants } from './kafka-mutants.ts'

// Loaded by a process before all else: `node --import mutate.ts?mutant=NAME`.
const wanted = new URL(import.meta.url).searchParams.get('mutant')
const mutant = kafkaMutants.find(({ name }) => name === wanted)
if (mutant === undefined) throw new Error(`There is no mutant "${wanted}".`)
const { file, code, instead } = mutant

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context)
    if (!url.endsWith(file)) return loaded
    const [before, after, ...more] = Buffer.from(loaded.source as Uint8Array)
      .toString('utf8')
      .split(code)
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`${file} does not hold once: ${code}`)
    return { ...loaded, source: before + instead + after }
  },
})
