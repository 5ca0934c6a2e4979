import { call, event, type Protocol } from './protocol.ts'

/** What issuers do beyond EIP-20: USDT and USDC mint, and list accounts that may not move theirs. */
export const stablecoin: Protocol = {
  name: 'USDT, USDC',
  events: [
    event('stablecoin-mint', 'Mint(address,address,uint256)', { topics: 3, words: 1 }, (read) => ({
      minter: read.topicAddress(1),
      to: read.topicAddress(2),
      amount: read.uint(0),
    })),
    event('stablecoin-mint', 'Issue(uint256)', { topics: 1, words: 1 }, (read) => ({
      minter: null,
      to: null,
      amount: read.uint(0),
    })),
    // USDT of other chains indexes the account.
    ...[
      ['AddedBlackList(address)', true] as const,
      ['RemovedBlackList(address)', false] as const,
      ['Blacklisted(address)', true] as const,
      ['UnBlacklisted(address)', false] as const,
    ].flatMap(([signature, listed]) => [
      event('token-blacklist', signature, { topics: 1, words: 1 }, (read) => ({ account: read.address(0), listed })),
      event('token-blacklist', signature, { topics: 2, words: 0 }, (read) => ({
        account: read.topicAddress(1),
        listed,
      })),
    ]),
    event('blacklisted-funds-destroyed', 'DestroyedBlackFunds(address,uint256)', { topics: 1, words: 2 }, (read) => ({
      account: read.address(0),
      amount: read.uint(1),
    })),
    event('blacklisted-funds-destroyed', 'DestroyedBlackFunds(address,uint256)', { topics: 2, words: 1 }, (read) => ({
      account: read.topicAddress(1),
      amount: read.uint(0),
    })),
  ],
  calls: (
    [
      ['addBlackList(address)', true],
      ['removeBlackList(address)', false],
      ['blacklist(address)', true],
      ['unBlacklist(address)', false],
    ] as const
  ).map(([signature, listed]) => call('blacklist', signature, (read) => ({ account: read.address(0), listed }))),
}
