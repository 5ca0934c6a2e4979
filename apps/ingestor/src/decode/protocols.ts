import { chainlink } from './chainlink.ts'
import { erc1155 } from './erc1155.ts'
import { erc20 } from './erc20.ts'
import { erc721 } from './erc721.ts'
import type { Protocol } from './protocol.ts'
import { uniswapV2 } from './uniswap-v2.ts'
import { uniswapV3 } from './uniswap-v3.ts'
import { weth } from './weth.ts'

/** Every protocol that is decoded. No two of their events share first topic, number of topics and length of data. */
export const protocols: readonly Protocol[] = [erc20, erc721, erc1155, weth, uniswapV2, uniswapV3, chainlink]
