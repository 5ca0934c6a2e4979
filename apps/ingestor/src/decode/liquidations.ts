import { call, event, type Protocol } from './protocol.ts'

/** Loans closed by others. Source: aave-protocol, protocol-v2, aave-v3-core; compound-protocol CToken, CEther. */
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
  calls: [
    call('liquidation-call', 'liquidationCall(address,address,address,uint256,bool)', (read) => ({
      collateralAsset: read.address(0),
      debtAsset: read.address(1),
      borrower: read.address(2),
      debtToCover: read.uint(3),
      receivesAToken: read.bool(4),
    })),
    call('transfer-on-liquidation', 'transferOnLiquidation(address,address,uint256)', (read) => ({
      from: read.address(0),
      to: read.address(1),
      amount: read.uint(2),
    })),
    call('liquidate-borrow', 'liquidateBorrow(address,uint256,address)', (read) => ({
      borrower: read.address(0),
      amount: read.uint(1),
      native: false,
      collateralMarket: read.address(2),
    })),
    call('liquidate-borrow', 'liquidateBorrow(address,address)', (read, { value }) => ({
      borrower: read.address(0),
      amount: value,
      native: true,
      collateralMarket: read.address(1),
    })),
    call('seize', 'seize(address,address,uint256)', (read) => ({
      liquidator: read.address(0),
      borrower: read.address(1),
      seizeTokens: read.uint(2),
    })),
  ],
}
