import { event, type Protocol } from './protocol.ts'

const actions = ['add', 'replace', 'remove'] as const

/** Which code a proxy runs. Source: ERC-1967; EIP-2535 for diamonds. */
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
        cuts: read.dynamicList(0, (start) => ({
          facet: read.address(start),
          action: actions[read.number(start + 1, 2)] ?? 'add',
          selectors: read.list(start + 2, (at) => read.bytes4(at), 1, start),
        })),
        init: read.address(1),
        initSelector: read.selector(2),
      }),
    ),
  ],
}
