import { asNumber } from '../sources/parse-block.ts'
import { proving } from '../verify/verify-block.ts'
import { httpTransport } from './http-transport.ts'
import { RpcEndpoint, type RpcEndpointOptions } from './rpc-endpoint.ts'
import type { RpcTransport } from './rpc-transport.ts'
import { webSocketTransport } from './web-socket-transport.ts'

export const openTransport = (url: string): RpcTransport =>
  /^wss?:/.test(url) ? webSocketTransport(url) : httpTransport(url)

/** An endpoint for each URL, in their order. */
export function openEndpoints(
  urls: readonly string[],
  options: Omit<RpcEndpointOptions, 'name' | 'transport'>,
): readonly RpcEndpoint[] {
  const names = endpointNames(urls)
  return urls.map((url, at) => new RpcEndpoint({ ...options, name: names[at] ?? '', transport: openTransport(url) }))
}

/** The URLs without path, query and credentials, which often hold a key; a host that is there twice is numbered. */
export function endpointNames(urls: readonly string[]): readonly string[] {
  const bare = urls.map((url) => {
    const { protocol, host } = new URL(url)
    return `${protocol}//${host}`
  })
  return bare.map((name, at) =>
    bare.indexOf(name) === bare.lastIndexOf(name)
      ? name
      : `${name} #${bare.slice(0, at).filter((other) => other === name).length + 1}`,
  )
}

/** Which chain the first endpoint that answers is of. @throws the first one’s error, where none answers */
export async function askChainId(endpoints: readonly RpcEndpoint[], signal: AbortSignal): Promise<number> {
  const errors: unknown[] = []
  for (const endpoint of endpoints) {
    try {
      const answer = await endpoint.request('eth_chainId', [], signal)
      return proving(endpoint.name, 'latest', (fail) =>
        answer.type === 'result' ? asNumber(answer.result, 'chainId') : fail('chainId', answer.message),
      )
    } catch (error) {
      signal.throwIfAborted()
      errors.push(error)
    }
  }
  throw errors[0]
}
