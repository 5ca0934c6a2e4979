import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

const actions = ['add', 'replace', 'remove'] as const

/** The facets that are added, replaced or removed, whose list's offset stands in the first word. */
const cuts = (read: AbiReader) =>
  read.dynamicList(0, (start) => ({
    facet: read.address(start),
    action: actions[read.number(start + 1, 2)] ?? ('add' as const),
    selectors: read.list(start + 2, (at) => read.bytes4(at), 1, start),
  }))

/** Which code a proxy runs. Source: ERC-1967, OpenZeppelin's proxies; EIP-2535 for diamonds. */
export const proxies: Protocol = {
  name: 'Proxies',
  events: [
    event('proxy-upgraded', 'Upgraded(address)', { topics: 2, words: 0 }, (read) => ({
      implementation: read.topicAddress(1),
    })),
    // The first of OpenZeppelin's and ZeppelinOS' proxies did not index.
    event('proxy-upgraded', 'Upgraded(address)', { topics: 1, words: 1 }, (read) => ({
      implementation: read.address(0),
    })),
    event('proxy-admin-changed', 'AdminChanged(address,address)', { topics: 1, words: 2 }, (read) => ({
      previousAdmin: read.address(0),
      newAdmin: read.address(1),
    })),
    event('beacon-upgraded', 'BeaconUpgraded(address)', { topics: 2, words: 0 }, (read) => ({
      beacon: read.topicAddress(1),
    })),
    event(
      'diamond-cut',
      'DiamondCut((address,uint8,bytes4[])[],address,bytes)',
      { topics: 1, words: null },
      (read) => ({
        cuts: cuts(read),
        init: read.address(1),
        initSelector: read.selector(2),
      }),
    ),
  ],
  calls: [
    // A proxy's own: its admin calls it.
    call('upgrade', 'upgradeTo(address)', (read, { address }) => ({
      proxy: address,
      implementation: read.address(0),
      selector: '0x' as const,
    })),
    call('upgrade', 'upgradeToAndCall(address,bytes)', (read, { address }) => ({
      proxy: address,
      implementation: read.address(0),
      selector: read.selector(1),
    })),
    call('change-admin', 'changeAdmin(address)', (read, { address }) => ({
      proxy: address,
      newAdmin: read.address(0),
    })),
    // A ProxyAdmin's, which then calls the proxy.
    call('upgrade', 'upgrade(address,address)', (read) => ({
      proxy: read.address(0),
      implementation: read.address(1),
      selector: '0x' as const,
    })),
    call('upgrade', 'upgradeAndCall(address,address,bytes)', (read) => ({
      proxy: read.address(0),
      implementation: read.address(1),
      selector: read.selector(2),
    })),
    call('change-admin', 'changeProxyAdmin(address,address)', (read) => ({
      proxy: read.address(0),
      newAdmin: read.address(1),
    })),
    call('diamond-cut', 'diamondCut((address,uint8,bytes4[])[],address,bytes)', (read) => ({
      cuts: cuts(read),
      init: read.address(1),
      initSelector: read.selector(2),
    })),
  ],
}
