import { balancer } from './balancer.ts'
import { chainlink } from './chainlink.ts'
import { curve } from './curve.ts'
import { erc1155 } from './erc1155.ts'
import { erc20 } from './erc20.ts'
import { erc2771 } from './erc2771.ts'
import { erc4337 } from './erc4337.ts'
import { erc721 } from './erc721.ts'
import { flashLoans } from './flash-loans.ts'
import { governance } from './governance.ts'
import { liquidations } from './liquidations.ts'
import { multicall } from './multicall.ts'
import { opBridge } from './op-bridge.ts'
import { ownership } from './ownership.ts'
import { permit2 } from './permit2.ts'
import { polygon } from './polygon.ts'
import type { Protocol } from './protocol.ts'
import { proxies } from './proxies.ts'
import { safe } from './safe.ts'
import { sanctions } from './sanctions.ts'
import { seaport } from './seaport.ts'
import { stablecoin } from './stablecoin.ts'
import { tornado } from './tornado.ts'
import { signedTokenCalls } from './signed-token-calls.ts'
import { smartAccounts } from './smart-accounts.ts'
import { solidly, uniswapV2 } from './uniswap-v2.ts'
import { uniswapV3 } from './uniswap-v3.ts'
import { uniswapV4 } from './uniswap-v4.ts'
import { universalRouter } from './universal-router.ts'
import { weth } from './weth.ts'
import { zeroEx } from './zero-ex.ts'

/**
 * Every protocol that is decoded. No two of their events share first topic, number of topics and length of data, and no
 * two of their calls a selector.
 */
export const protocols: readonly Protocol[] = [
  erc20,
  erc721,
  erc1155,
  signedTokenCalls,
  permit2,
  weth,
  stablecoin,
  sanctions,
  polygon,
  uniswapV2,
  solidly,
  uniswapV3,
  uniswapV4,
  universalRouter,
  curve,
  balancer,
  zeroEx,
  flashLoans,
  liquidations,
  chainlink,
  proxies,
  ownership,
  safe,
  governance,
  erc4337,
  smartAccounts,
  erc2771,
  multicall,
  tornado,
  seaport,
  opBridge,
]
