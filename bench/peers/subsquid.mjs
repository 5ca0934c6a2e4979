// @subsquid/evm-processor over a range of blocks: blocks with transactions, receipts (status, gas) and logs, transfers
// decoded by @subsquid/evm-abi, as JSON lines into a file. Arguments: URL, number of blocks, output file. Runs in the
// folder where the peer is installed. Says what it took as one JSON line.
import { closeSync, openSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { EvmBatchProcessor } = require('@subsquid/evm-processor')
const { event, indexed } = require('@subsquid/evm-abi')
const { address, uint256 } = require('@subsquid/evm-codec')

const [url, count, path] = process.argv.slice(2)
const topic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const transfer = event(topic, 'Transfer(address,address,uint256)', {
  from: indexed(address),
  to: indexed(address),
  value: uint256,
})
const transferOfOne = event(topic, 'Transfer(address,address,uint256)', {
  from: indexed(address),
  to: indexed(address),
  value: indexed(uint256),
})
const file = openSync(path, 'w')
const totals = { blocks: 0, events: 0, transfers: 0 }
const began = performance.now()

process.on('exit', () => {
  closeSync(file)
  const { user, system } = process.cpuUsage()
  const seconds = Math.round(performance.now() - began) / 1000
  const peakRssMiB = Math.round(process.resourceUsage().maxRSS / 1024)
  writeSync(
    1,
    `${JSON.stringify({ ...totals, seconds, cpuSeconds: Math.round((user + system) / 1e3) / 1e3, peakRssMiB })}\n`,
  )
})

const text = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part))
const plain = ({ block: _block, transaction: _transaction, logs: _logs, ...fields }) => fields

new EvmBatchProcessor()
  .setRpcEndpoint({ url, capacity: 16 })
  .setFinalityConfirmation(1)
  .setBlockRange({ from: 0, to: Number(count) - 1 })
  .includeAllBlocks()
  .addTransaction({})
  .addLog({})
  .setFields({
    block: { timestamp: true, hash: true, parentHash: true },
    transaction: {
      ...{ from: true, to: true, value: true, nonce: true, sighash: true, hash: true },
      ...{ status: true, gasUsed: true, effectiveGasPrice: true, contractAddress: true },
    },
    log: { address: true, topics: true, data: true },
  })
  .run(
    {
      supportsHotBlocks: false,
      connect: async () => ({ height: -1, hash: '0x', top: [] }),
      transact: async (info, handle) => handle({}),
    },
    async ({ blocks }) => {
      const lines = []
      for (const { header, transactions, logs } of blocks) {
        totals.blocks++
        lines.push(text(plain(header)))
        for (const transaction of transactions) lines.push(text({ ...plain(transaction), block: header.height }))
        for (const log of logs) {
          totals.events++
          const isTransfer = log.topics[0] === topic && log.topics.length >= 3
          if (isTransfer) totals.transfers++
          const kind = log.topics.length === 3 ? transfer : transferOfOne
          const decoded = isTransfer ? kind.decode(log) : {}
          lines.push(text({ ...plain(log), ...decoded, block: header.height }))
        }
      }
      writeSync(file, `${lines.join('\n')}\n`)
    },
  )
