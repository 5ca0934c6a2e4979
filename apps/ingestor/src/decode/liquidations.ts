import { event, type Protocol } from './protocol.ts'

/** Loans closed by others. Source: aave-protocol, protocol-v2, aave-v3-core; compound-protocol CToken. */
export const liquidations: Protocol = {
  name: 'Liquidations',
  events: [
    event(
      'aave-liquidation',
      'LiquidationCall(address,address,address,uint256,uint256,address,bool)',
      { topics: 4, words: 4 },
      (read) => ({
        collateralAsset: read.topicAddress(1),
        debtAsset: read.topicAddress(2),
        borrower: read.topicAddress(3),
        liquidator: read.address(2),
        debtRepaid: read.uint(0),
        collateralSeized: read.uint(1),
        receivesAToken: read.bool(3),
      }),
    ),
    event(
      'aave-liquidation',
      'LiquidationCall(address,address,address,uint256,uint256,uint256,address,bool,uint256)',
      { topics: 4, words: 6 },
      (read) => ({
        collateralAsset: read.topicAddress(1),
        debtAsset: read.topicAddress(2),
        borrower: read.topicAddress(3),
        liquidator: read.address(3),
        debtRepaid: read.uint(0),
        collateralSeized: read.uint(1),
        receivesAToken: read.bool(4),
      }),
    ),
    event(
      'compound-liquidation',
      'LiquidateBorrow(address,address,uint256,address,uint256)',
      { topics: 1, words: 5 },
      (read) => ({
        liquidator: read.address(0),
        borrower: read.address(1),
        debtRepaid: read.uint(2),
        collateralMarket: read.address(3),
        seizeTokens: read.uint(4),
      }),
    ),
  ],
}
