import { prepareKafka } from '@tocsin/test/kafka-broker'

/** A cluster to measure on; of one of our own, its process too. */
export interface Cluster {
  readonly bootstrap: string
  readonly pid: number | null
  close(): Promise<void>
}

export async function openCluster(given: string | undefined): Promise<Cluster> {
  if (given !== undefined) return { bootstrap: given, pid: null, close: async () => {} }
  const broker = await prepareKafka()
  await broker.start()
  const close = async () => {
    await broker.end('SIGTERM')
    await broker.remove()
  }
  return { bootstrap: broker.bootstrap, pid: broker.pid, close }
}
