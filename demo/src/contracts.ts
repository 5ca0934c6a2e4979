import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseAddress, type Address, type Hex } from '@tocsin/chain-model'
import { getCreateAddress, Interface } from 'ethers'

const require = createRequire(import.meta.url)

/** Creation code as its authors published it on npm; only `DemoToken` is ours (`contracts/DemoToken.sol`). */
const bytecodePaths = {
  weth: 'canonical-weth/build/contracts/WETH9.json',
  preset: '@openzeppelin/contracts/build/contracts/ERC20PresetMinterPauser.json',
  v2Factory: '@uniswap/v2-core/build/UniswapV2Factory.json',
  v2Router: '@uniswap/v2-periphery/build/UniswapV2Router02.json',
  v3Factory: '@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json',
  v3Router: '@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json',
  v3Positions:
    '@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json',
} as const

/** Contracts under the GPL are dev dependencies, so that an image without these does not distribute them. */
export class DemoContractsMissingError extends Error {
  readonly code = 'DEMO_CONTRACTS_MISSING'
  readonly handling = 'stop'
  readonly remedy = 'Follow a node with --rpc URL, or install with dev dependencies (npm ci) for the local chain.'
  constructor(path: string, options?: ErrorOptions) {
    super(`The contracts of the local chain are not installed: ${path} is missing.`, options)
  }
}

function resolveContract(path: string): string {
  try {
    return require.resolve(path)
  } catch (cause) {
    throw new DemoContractsMissingError(path, { cause })
  }
}

function bytecode(name: keyof typeof bytecodePaths | 'demoToken'): Hex {
  const path =
    name === 'demoToken'
      ? new URL('../contracts/DemoToken.json', import.meta.url)
      : resolveContract(bytecodePaths[name])
  const { bytecode: code } = JSON.parse(readFileSync(path, 'utf8')) as { bytecode: string }
  return (code.startsWith('0x') ? code : `0x${code}`) as Hex
}

const constructors = Interface.from([
  'function named(string name, string symbol)',
  'function token(string name, string symbol, uint8 decimals)',
  'function one(address)',
  'function two(address, address)',
  'function three(address, address, address)',
])

const create = (name: Parameters<typeof bytecode>[0], shape?: string, ...values: readonly unknown[]): Hex =>
  // Constructor arguments are encoded like a call's, without the selector.
  `${bytecode(name)}${shape === undefined ? '' : constructors.encodeFunctionData(shape, values).slice(10)}`

/** A contract of the demo chain that is a token. */
export const tokenNames = ['weth', 'usdc', 'dai', 'wbtc'] as const
export type TokenName = (typeof tokenNames)[number]

/** Where the contracts are: the addresses follow from the deployer and the order of {@link deployments}. */
export interface Contracts {
  readonly tokens: Readonly<Record<TokenName, Address>>
  readonly v2Factory: Address
  readonly v2Router: Address
  readonly v3Factory: Address
  readonly v3Router: Address
  readonly v3Positions: Address
}

/** Symbol, decimals and name, as the contracts say them: no one is to take them for the real ones. */
export const tokenFacts: Readonly<Record<TokenName, { symbol: string; decimals: number; name: string }>> = {
  weth: { symbol: 'WETH', decimals: 18, name: 'Wrapped Ether' },
  usdc: { symbol: 'dUSDC', decimals: 6, name: 'Demo USD Coin' },
  dai: { symbol: 'dDAI', decimals: 18, name: 'Demo Dai' },
  wbtc: { symbol: 'dWBTC', decimals: 8, name: 'Demo Wrapped BTC' },
}

/** The addresses of contracts that `deployer` creates with its first transactions. */
export function contractsOf(deployer: Address): Contracts {
  const at = (nonce: number) => parseAddress(getCreateAddress({ from: deployer, nonce }))
  return {
    tokens: { weth: at(0), usdc: at(1), dai: at(2), wbtc: at(3) },
    v2Factory: at(4),
    v2Router: at(5),
    v3Factory: at(6),
    v3Router: at(7),
    v3Positions: at(8),
  }
}

/** Creation data in the order of nonces that {@link contractsOf} assumes. */
export function deployments(deployer: Address): readonly Hex[] {
  const { tokens, v2Factory, v3Factory } = contractsOf(deployer)
  const { usdc, dai, wbtc } = tokenFacts
  return [
    create('weth'),
    create('demoToken', 'token', usdc.name, usdc.symbol, usdc.decimals),
    create('preset', 'named', dai.name, dai.symbol),
    create('demoToken', 'token', wbtc.name, wbtc.symbol, wbtc.decimals),
    create('v2Factory', 'one', deployer),
    create('v2Router', 'two', v2Factory, tokens.weth),
    create('v3Factory'),
    create('v3Router', 'two', v3Factory, tokens.weth),
    // The third is the contract that draws positions as pictures: nobody looks at them here.
    create('v3Positions', 'three', v3Factory, tokens.weth, deployer),
  ]
}

/** Every function that the demo calls. */
export const abi = Interface.from([
  'function deposit() payable',
  'function mint(address to, uint256 amount)',
  'function transfer(address to, uint256 amount) returns (bool)',
  'function approve(address spender, uint256 amount) returns (bool)',
  'function balanceOf(address owner) view returns (uint256)',
  'function getPair(address, address) view returns (address)',
  'function getPool(address, address, uint24) view returns (address)',
  'function getReserves() view returns (uint112 reserve0, uint112 reserve1, uint32 time)',
  'function slot0() view returns (uint160 sqrtPriceX96, int24, uint16, uint16, uint16, uint8, bool)',
  'function addLiquidity(address tokenA, address tokenB, uint256 amountA, uint256 amountB, uint256 minA, uint256 minB, address to, uint256 deadline)',
  'function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline)',
  'function createAndInitializePoolIfNecessary(address token0, address token1, uint24 fee, uint160 sqrtPriceX96) payable returns (address)',
  'function exactInputSingle((address tokenIn, address tokenOut, uint24 fee, address recipient, uint256 deadline, uint256 amountIn, uint256 amountOutMinimum, uint160 sqrtPriceLimitX96)) payable returns (uint256)',
])
/** Apart, because `mint` is also a token's. */
export const positionsAbi = Interface.from([
  'function mint((address token0, address token1, uint24 fee, int24 tickLower, int24 tickUpper, uint256 amount0Desired, uint256 amount1Desired, uint256 amount0Min, uint256 amount1Min, address recipient, uint256 deadline)) payable',
])
