import { openEmbeddedLog } from '@tocsin/event-log'
import { createMetrics, loadSettings, silentLogger } from '@tocsin/service-kit'
import { chainsOf } from '../chains-of.ts'
import { ingestorSettings } from '../config.ts'
import { startIngestor } from '../start-ingestor.ts'

// The child process of the `kill -9` test of several chains: follows all of them from block 1 on, or from where the log says.
// Says `writing` once each has written a block. Arguments: the log's folder, the last block of each or `none`, and the nodes
// as CHAIN=URL.
const [folder = '', to = 'none', ...rpc] = process.argv.slice(2)
const ids = rpc.map((node) => Number(node.split('=', 1)[0]))
const log = await openEmbeddedLog(folder)
const flags = {
  rpc,
  from: ids.map((id) => `${id}=1`),
  ...(to === 'none' ? {} : { to: ids.map((id) => `${id}=${to}`) }),
  ...{ 'poll-interval': '20ms', 'finality-depth': '8', workers: '1' },
}
const { ingestor } = loadSettings({ ingestor: ingestorSettings }, { env: {}, flags })
const wrote = new Set<number>()
const running = startIngestor(
  chainsOf(ingestor),
  {
    log,
    logger: silentLogger,
    metrics: createMetrics(),
    prefix: 'kill',
    onProgress(progress, chainId) {
      if (progress === null || progress.blocks === (progress.before ?? 0) || wrote.has(chainId)) return
      wrote.add(chainId)
      if (wrote.size === ids.length) process.stdout.write('writing\n')
    },
  },
  new AbortController().signal,
)
await running.done
await log.close()
