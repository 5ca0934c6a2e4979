import { chainCallSchema, parseAddress, type Address, type ChainCall, type Hex } from '@tocsin/chain-model'
import { AbiCoder, Interface, type ParamType, concat, dataLength, toBeHex } from 'ethers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SourceFrame, SourceTransaction } from '../sources/source-block.ts'
import { functionSelector } from './abi.ts'
import { callsOf, decodeCall } from './decode-calls.ts'
import { protocols } from './protocols.ts'

const [ann, bob, cyd, dan] = ['a1', 'b2', 'c3', 'd4'].map((digits) => parseAddress(`0x${digits.repeat(20)}`)) as [
  Address,
  Address,
  Address,
  Address,
]
const decoders = protocols.flatMap(({ calls = [] }) => calls)
const signatures = decoders.map(({ signature }) => signature)

/** Call data as ethers encodes them, whose encoder is not ours. */
const encode = (signature: string, ...args: readonly unknown[]): Hex => {
  const name = signature.slice(0, signature.indexOf('('))
  // ethers names hex `string`; it is lower-case hex.
  return new Interface([`function ${signature}`]).encodeFunctionData(name, args) as Hex
}
const made = (input: Hex, value = 0n) => ({ traceAddress: [], caller: ann, address: bob, value, input })
const at = { traceAddress: [], caller: ann, address: bob, value: 0n, rest: 0 }
const decode = (input: Hex, value = 0n) => decodeCall(made(input, value))?.call ?? null

describe('functionSelector', () => {
  // Published elsewhere: ABIs of npm packages (OpenZeppelin, Uniswap, Aave), the catalogue of detectors, and the ABIs of
  // Permit2, Safe, Balancer, Morpho, USDC, USDT and account-abstraction; those of Curve, Compound and 0x from mev-inspect-py's.
  const published: Readonly<Record<string, string>> = {
    'transfer(address,uint256)': '0xa9059cbb',
    'transferFrom(address,address,uint256)': '0x23b872dd',
    'approve(address,uint256)': '0x095ea7b3',
    'increaseAllowance(address,uint256)': '0x39509351',
    'decreaseAllowance(address,uint256)': '0xa457c2d7',
    'mint(address,uint256)': '0x40c10f19',
    'safeTransferFrom(address,address,uint256)': '0x42842e0e',
    'safeTransferFrom(address,address,uint256,bytes)': '0xb88d4fde',
    'setApprovalForAll(address,bool)': '0xa22cb465',
    'safeTransferFrom(address,address,uint256,uint256,bytes)': '0xf242432a',
    'safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)': '0x2eb2c2d6',
    'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)': '0xd505accf',
    'permit(address,address,uint256,uint256,bytes)': '0x9fd5a6cf',
    'permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)': '0x8fcbaf0c',
    'transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)': '0xe3ee160e',
    'transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)': '0xcf092995',
    'receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)': '0xef55bec6',
    'receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)': '0x88b7ab63',
    'approve(address,address,uint160,uint48)': '0x87517c45',
    'permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)': '0x2b67b570',
    'permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)': '0x2a2d80d1',
    'transferFrom(address,address,uint160,address)': '0x36c78516',
    'transferFrom((address,address,uint160,address)[])': '0x0d58b1db',
    'permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)': '0x30f28b7a',
    'permitTransferFrom(((address,uint256)[],uint256,uint256),(address,uint256)[],address,bytes)': '0xedd9444b',
    'permitWitnessTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes32,string,bytes)':
      '0x137c29fe',
    'permitWitnessTransferFrom(((address,uint256)[],uint256,uint256),(address,uint256)[],address,bytes32,string,bytes)':
      '0xfe8ec1a7',
    'lockdown((address,address)[])': '0xcc53287f',
    'addBlackList(address)': '0x0ecb93c0',
    'removeBlackList(address)': '0xe4997dc5',
    'blacklist(address)': '0xf9f92be4',
    'unBlacklist(address)': '0x1a895266',
    'swapExactTokensForTokens(uint256,uint256,address[],address,uint256)': '0x38ed1739',
    'swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256,uint256,address[],address,uint256)': '0x5c11d795',
    'swapTokensForExactTokens(uint256,uint256,address[],address,uint256)': '0x8803dbee',
    'swapExactETHForTokens(uint256,address[],address,uint256)': '0x7ff36ab5',
    'swapExactETHForTokensSupportingFeeOnTransferTokens(uint256,address[],address,uint256)': '0xb6f9de95',
    'swapETHForExactTokens(uint256,address[],address,uint256)': '0xfb3bdb41',
    'swapExactTokensForETH(uint256,uint256,address[],address,uint256)': '0x18cbafe5',
    'swapExactTokensForETHSupportingFeeOnTransferTokens(uint256,uint256,address[],address,uint256)': '0x791ac947',
    'swapTokensForExactETH(uint256,uint256,address[],address,uint256)': '0x4a25d94a',
    'swapExactTokensForTokens(uint256,uint256,address[],address)': '0x472b43f3',
    'swapTokensForExactTokens(uint256,uint256,address[],address)': '0x42712a67',
    'addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)': '0xe8e33700',
    'addLiquidityETH(address,uint256,uint256,uint256,address,uint256)': '0xf305d719',
    'removeLiquidity(address,address,uint256,uint256,uint256,address,uint256)': '0xbaa2abde',
    'removeLiquidityWithPermit(address,address,uint256,uint256,uint256,address,uint256,bool,uint8,bytes32,bytes32)':
      '0x2195995c',
    'removeLiquidityETH(address,uint256,uint256,uint256,address,uint256)': '0x02751cec',
    'removeLiquidityETHSupportingFeeOnTransferTokens(address,uint256,uint256,uint256,address,uint256)': '0xaf2979eb',
    'removeLiquidityETHWithPermit(address,uint256,uint256,uint256,address,uint256,bool,uint8,bytes32,bytes32)':
      '0xded9382a',
    'removeLiquidityETHWithPermitSupportingFeeOnTransferTokens(address,uint256,uint256,uint256,address,uint256,bool,uint8,bytes32,bytes32)':
      '0x5b0d5984',
    'swap(uint256,uint256,address,bytes)': '0x022c0d9f',
    'swap(address,bool,int256,uint160,bytes)': '0x128acb08',
    'exchange(int128,int128,uint256,uint256)': '0x3df02124',
    'exchange_underlying(int128,int128,uint256,uint256)': '0xa6417ed6',
    'swapExactAmountIn(address,uint256,address,uint256,uint256)': '0x8201aa3f',
    'swapExactAmountOut(address,uint256,address,uint256,uint256)': '0x7c5e9ea4',
    'fillLimitOrder((address,address,uint128,uint128,uint128,address,address,address,address,bytes32,uint64,uint256),(uint8,uint8,bytes32,bytes32),uint128)':
      '0xf6274f66',
    '_fillLimitOrder((address,address,uint128,uint128,uint128,address,address,address,address,bytes32,uint64,uint256),(uint8,uint8,bytes32,bytes32),uint128,address,address)':
      '0x414e4ccf',
    'fillRfqOrder((address,address,uint128,uint128,address,address,address,bytes32,uint64,uint256),(uint8,uint8,bytes32,bytes32),uint128)':
      '0xaa77476c',
    '_fillRfqOrder((address,address,uint128,uint128,address,address,address,bytes32,uint64,uint256),(uint8,uint8,bytes32,bytes32),uint128,address,bool,address)':
      '0xaa6b21cd',
    'exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))': '0x414bf389',
    'exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))': '0x04e45aaf',
    'exactOutputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))': '0xdb3e2198',
    'exactOutputSingle((address,address,uint24,address,uint256,uint256,uint160))': '0x5023b4df',
    'exactInput((bytes,address,uint256,uint256,uint256))': '0xc04b8d59',
    'exactInput((bytes,address,uint256,uint256))': '0xb858183f',
    'exactOutput((bytes,address,uint256,uint256,uint256))': '0xf28c0498',
    'exactOutput((bytes,address,uint256,uint256))': '0x09b81346',
    'mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))': '0x88316456',
    'increaseLiquidity((uint256,uint256,uint256,uint256,uint256,uint256))': '0x219f5d17',
    'decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))': '0x0c49ccbe',
    'collect((uint256,address,uint128,uint128))': '0xfc6f7865',
    'unlock(bytes)': '0x48c89491',
    'execute(bytes,bytes[])': '0x24856bc3',
    'execute(bytes,bytes[],uint256)': '0x3593564c',
    'liquidationCall(address,address,address,uint256,bool)': '0x00a718a9',
    'transferOnLiquidation(address,address,uint256)': '0xf866c319',
    'liquidateBorrow(address,uint256,address)': '0xf5e3c462',
    'liquidateBorrow(address,address)': '0xaae40a2a',
    'seize(address,address,uint256)': '0xb2a02ff1',
    'flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)': '0xab9c4b5d',
    'flashLoanSimple(address,address,uint256,bytes,uint16)': '0x42b0b77c',
    'flashLoan(address,address[],uint256[],bytes)': '0x5c38449e',
    'flashLoan(address,uint256,bytes)': '0xe0232b42',
    'flashLoan(address,address,uint256,bytes)': '0x5cffe9de',
    'upgradeTo(address)': '0x3659cfe6',
    'upgradeToAndCall(address,bytes)': '0x4f1ef286',
    'changeAdmin(address)': '0x8f283970',
    'upgrade(address,address)': '0x99a88ec4',
    'upgradeAndCall(address,address,bytes)': '0x9623609d',
    'changeProxyAdmin(address,address)': '0x7eff275e',
    'diamondCut((address,uint8,bytes4[])[],address,bytes)': '0x1f931c1c',
    'transferOwnership(address)': '0xf2fde38b',
    'acceptOwnership()': '0x79ba5097',
    'renounceOwnership()': '0x715018a6',
    'grantRole(bytes32,address)': '0x2f2ff15d',
    'revokeRole(bytes32,address)': '0xd547741f',
    'renounceRole(bytes32,address)': '0x36568abe',
    'pause()': '0x8456cb59',
    'unpause()': '0x3f4ba83a',
    'execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)': '0x6a761202',
    'execTransactionFromModule(address,uint256,bytes,uint8)': '0x468721a7',
    'execTransactionFromModuleReturnData(address,uint256,bytes,uint8)': '0x5229073f',
    'multiSend(bytes)': '0x8d80ff0a',
    'addOwnerWithThreshold(address,uint256)': '0x0d582f13',
    'removeOwner(address,address,uint256)': '0xf8dc5dd9',
    'swapOwner(address,address,address)': '0xe318b52b',
    'changeThreshold(uint256)': '0x694e80c3',
    'enableModule(address)': '0x610b5925',
    'setGuard(address)': '0xe19a9dd9',
    'schedule(address,uint256,bytes,bytes32,bytes32,uint256)': '0x01d5062a',
    'scheduleBatch(address[],uint256[],bytes[],bytes32,bytes32,uint256)': '0x8f2a0bb0',
    'execute(address,uint256,bytes,bytes32,bytes32)': '0x134008d3',
    'executeBatch(address[],uint256[],bytes[],bytes32,bytes32)': '0xe38335e5',
    'updateDelay(uint256)': '0x64d62353',
    'handleOps((address,uint256,bytes,bytes,uint256,uint256,uint256,uint256,uint256,bytes,bytes)[],address)':
      '0x1fad948c',
    'handleAggregatedOps(((address,uint256,bytes,bytes,uint256,uint256,uint256,uint256,uint256,bytes,bytes)[],address,bytes)[],address)':
      '0x4b1d7cf5',
    'handleOps((address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)[],address)': '0x765e827f',
    'handleAggregatedOps(((address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)[],address,bytes)[],address)':
      '0xdbed18e0',
    'execute(address,uint256,bytes)': '0xb61d27f6',
    'executeBatch(address[],bytes[])': '0x18dfb3c7',
    'executeBatch(address[],uint256[],bytes[])': '0x47e1da2a',
    'executeBatch((address,uint256,bytes)[])': '0x34fcd5be',
    'execute(bytes32,bytes)': '0xe9ae5c53',
    'execute((address,address,uint256,uint256,uint256,bytes),bytes)': '0x47153f82',
    'execute((address,address,uint256,uint256,uint48,bytes,bytes))': '0xdf905caf',
    'executeBatch((address,address,uint256,uint256,uint48,bytes,bytes)[],address)': '0xccf96b4a',
    'multicall(bytes[])': '0xac9650d8',
    'multicall(uint256,bytes[])': '0x5ae401dc',
    'multicall(bytes32,bytes[])': '0x1f0464d1',
    'aggregate((address,bytes)[])': '0x252dba42',
    'blockAndAggregate((address,bytes)[])': '0xc3077fa9',
    'tryAggregate(bool,(address,bytes)[])': '0xbce38bd7',
    'tryBlockAndAggregate(bool,(address,bytes)[])': '0x399542e9',
    'aggregate3((address,bool,bytes)[])': '0x82ad56cb',
    'aggregate3Value((address,bool,uint256,bytes)[])': '0x174dea71',
    'deposit(bytes32)': '0xb214faa5',
    'deposit(address,bytes32,bytes)': '0x13d98d13',
    'withdraw(bytes,bytes32,bytes32,address,address,uint256,uint256)': '0x21a0adb6',
    'withdraw(address,bytes,bytes32,bytes32,address,address,uint256,uint256)': '0xb438689f',
  }

  test('default: every function that is decoded hashes to its published selector, and every published one is decoded', () => {
    expect(signatures.toSorted()).toEqual(Object.keys(published).toSorted())
    for (const [signature, selector] of Object.entries(published))
      expect([signature, functionSelector(signature)]).toEqual([signature, selector])
  })

  test('behavior: no two functions that are decoded have one selector', () => {
    expect(new Set(signatures.map(functionSelector)).size).toBe(signatures.length)
  })
})

/** A value of an ABI type, from a seed: lists have two items. */
function valueOf(type: ParamType, seed: number): unknown {
  if (type.isArray()) return [0, 1].map((item) => valueOf(type.arrayChildren, seed * 7 + item))
  if (type.isTuple()) return type.components.map((part, index) => valueOf(part, seed * 11 + index))
  if (type.type === 'address') return toBeHex(BigInt.asUintN(160, BigInt(seed + 3) ** 30n), 20)
  if (type.type === 'bytes') return `0x${'77'.repeat(seed % 70)}`
  if (type.type === 'string') return 'x'.repeat(seed % 70)
  if (type.type === 'bool') return seed % 2 === 1
  const bits = Number(/\d+$/.exec(type.type))
  if (type.type.startsWith('bytes')) return toBeHex(BigInt.asUintN(bits * 8, BigInt(seed + 5) ** 60n), bits)
  // A byte stands for an operation, an action or the parity of a signature.
  if (bits === 8) return seed % 2
  // Curve's pools number their coins so.
  if (type.type === 'int128') return seed % 2
  return type.type.startsWith('int') ? -(seed % 1000) : BigInt.asUintN(bits, BigInt(seed + 1) ** 40n)
}

const path = concat([ann, '0x000bb8', bob, '0x0001f4', cyd])
const packedCall = concat(['0x00', bob, toBeHex(5, 32), toBeHex(2, 32), '0x1234'])

/** `bytes` that have a form of their own, by the function's selector. */
const formed: Readonly<Record<Hex, readonly [position: number, bytes: unknown]>> = {
  '0xc04b8d59': [0, [path, ann, 1, 2, 3]],
  '0xb858183f': [0, [path, ann, 1, 2]],
  '0xf28c0498': [0, [path, ann, 1, 2, 3]],
  '0x09b81346': [0, [path, ann, 1, 2]],
  '0x8d80ff0a': [0, packedCall],
  '0xe9ae5c53': [1, concat([cyd, toBeHex(5, 32), '0x1234'])],
  '0x24856bc3': [0, '0x0405'],
  '0x3593564c': [0, '0x0405'],
}

function anyCall(signature: string, seed: number): Hex {
  const interfaceOf = new Interface([`function ${signature}`])
  const [fragment] = interfaceOf.fragments
  if (fragment === undefined || !('inputs' in fragment)) throw new Error(`${signature} has no inputs`)
  const selector = functionSelector(signature)
  const mode = selector === '0xe9ae5c53' ? [toBeHex(0, 32)] : []
  const args = fragment.inputs.map((type, index) => mode[index] ?? valueOf(type, seed + index))
  const [position, bytes] = formed[selector] ?? []
  return encode(signature, ...(position === undefined ? args : args.with(position, bytes)))
}

const wire = (call: ChainCall): unknown =>
  JSON.parse(JSON.stringify(call, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))

describe('decodeCall', () => {
  test('property: what ethers encodes by each signature is decoded, no word of it unread, and fits its schema', () => {
    const law = fc.property(fc.nat({ max: 1_000_000 }), (seed) => {
      for (const signature of signatures) {
        const call = decodeCall(made(anyCall(signature, seed)), true) ?? decodeCall(made(anyCall(signature, seed)))
        expect([signature, call?.call.rest]).toEqual([signature, 0])
        if (call !== null) expect(chainCallSchema.parse(wire(call.call))).toEqual(call.call)
      }
    })
    expect(() => fc.assert(law, { numRuns: 3, examples: [[0], [1]] })).not.toThrow()
  })

  test('property: call data that end early are not decoded, wherever they end', () => {
    for (const signature of signatures) {
      const input = anyCall(signature, 4321)
      const whole = decodeCall(made(input), true) ?? decodeCall(made(input))
      for (let bytes = 4 + 32; bytes < dataLength(input); bytes += 32) {
        const cut = decodeCall(made(input.slice(0, 2 + bytes * 2 - 64) as Hex))
        expect([signature, bytes, cut]).toEqual([signature, bytes, null])
      }
      expect(whole).not.toBeNull()
    }
  })

  test('property: 3,000 times random words are decoded as the schema says, or not at all; nothing throws', () => {
    const typed = new Set<string>()
    const anyWord = fc.oneof(
      fc.bigInt({ min: 0n, max: 9n }).map((n) => n * 32n),
      fc.bigInt({ min: 0n, max: 1n }),
      fc.bigInt({ min: 0n, max: 2n ** 160n - 1n }),
      fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
    )
    const law = fc.property(
      fc.constantFrom(...signatures),
      fc.array(anyWord, { maxLength: 16 }),
      fc.boolean(),
      (signature, words, borrowed) => {
        const input = concat([functionSelector(signature), ...words.map((word) => toBeHex(word, 32))]) as Hex
        const decoded = decodeCall(made(input), borrowed)
        if (decoded === null) return
        typed.add(decoded.call.type)
        expect(chainCallSchema.parse(wire(decoded.call))).toEqual(decoded.call)
      },
    )
    const examples: [string, bigint[], boolean][] = [['transfer(address,uint256)', [1n, 5n], false]]
    expect(() => fc.assert(law, { numRuns: 3000, examples })).not.toThrow()
    expect(typed).toContain('transfer')
  })

  test('default: approvals by signature say owner, spender, amount and deadline, whoever calls', () => {
    const r = toBeHex(1, 32)
    const eip2612 = 'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)'
    const permit = { type: 'permit', ...at, owner: cyd, spender: dan }
    expect(decode(encode(eip2612, cyd, dan, 7n, 1_700_000_000n, 27, r, r))).toEqual({
      ...permit,
      standard: 'eip-2612',
      amount: 7n,
      deadline: 1_700_000_000_000,
    })
    expect(decode(encode(eip2612, cyd, dan, 7n, 2n ** 256n - 1n, 27, r, r))).toMatchObject({ deadline: null })
    const dai = 'permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)'
    expect(decode(encode(dai, cyd, dan, 3n, 0n, true, 27, r, r))).toEqual({
      ...permit,
      standard: 'dai',
      amount: 2n ** 256n - 1n,
      deadline: null,
    })
    expect(decode(encode(dai, cyd, dan, 3n, 0n, false, 27, r, r))).toMatchObject({ amount: 0n })
    const permitSingle = 'permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)'
    expect(decode(encode(permitSingle, cyd, [[bob, 5n, 1_700_000_000n, 0n], dan, 9n], '0x12'))).toEqual({
      type: 'permit2-permit',
      ...at,
      owner: cyd,
      spender: dan,
      deadline: 9_000,
      allowances: [{ token: bob, amount: 5n, expiration: 1_700_000_000_000 }],
    })
  })

  test('default: a signature transfer of Permit2 says what was permitted, and where the spender sends it', () => {
    const batch =
      'permitWitnessTransferFrom(((address,uint256)[],uint256,uint256),(address,uint256)[],address,bytes32,string,bytes)'
    const witness = toBeHex(9, 32)
    const permitted = [[ann, 10n], [bob, 20n]] as const // prettier-ignore
    const details = [[cyd, 1n], [dan, 2n]] as const // prettier-ignore
    expect(decode(encode(batch, [permitted, 0n, 5n], details, cyd, witness, 'type', '0x00'))).toEqual({
      type: 'permit2-signature-transfer',
      ...at,
      owner: cyd,
      deadline: 5_000,
      witness,
      transfers: [
        { token: ann, permitted: 10n, to: cyd, amount: 1n },
        { token: bob, permitted: 20n, to: dan, amount: 2n },
      ],
    })
    expect(decode(encode(batch, [permitted, 0n, 5n], details.slice(1), cyd, witness, 'type', '0x00'))).toBeNull()
  })

  test('default: swaps by routers say what goes in and out, also where no event does', () => {
    const toCoin = 'swapTokensForExactETH(uint256,uint256,address[],address,uint256)'
    const swap = { type: 'router-swap', ...at, recipient: dan, deadline: 9_000 }
    expect(decode(encode(toCoin, 5n, 100n, [ann, bob, cyd], dan, 9n))).toEqual({
      ...swap,
      protocol: 'uniswap-v2',
      exact: 'out',
      assetIn: ann,
      assetOut: 'native',
      path: [ann, bob, cyd],
      amountIn: 100n,
      amountOut: 5n,
    })
    const ofCoin = encode('swapExactETHForTokens(uint256,address[],address,uint256)', 5n, [ann, bob], dan, 9n)
    expect(decode(ofCoin, 77n)).toMatchObject({ assetIn: 'native', amountIn: 77n, amountOut: 5n, value: 77n })
    // The path of an exact output runs backwards.
    expect(decode(encode('exactOutput((bytes,address,uint256,uint256,uint256))', [path, dan, 9n, 5n, 100n]))).toEqual({
      ...swap,
      protocol: 'uniswap-v3',
      exact: 'out',
      assetIn: cyd,
      assetOut: ann,
      path: [cyd, bob, ann],
      amountIn: 100n,
      amountOut: 5n,
    })
  })

  test('default: a program of the Universal Router tells its swaps and permits; aliases are addresses', () => {
    const coder = AbiCoder.defaultAbiCoder()
    const types = ['address', 'uint256', 'uint256', 'bytes', 'bool']
    const swap = coder.encode(types, [toBeHex(1, 20), 5n, 4n, path, true])
    const permit = coder.encode(
      ['tuple(tuple(address,uint160,uint48,uint48),address,uint256)', 'bytes'],
      [[[cyd, 6n, 2n ** 48n - 1n, 0n], bob, 9n], '0x00'],
    )
    const execute = 'execute(bytes,bytes[],uint256)'
    const call = decode(encode(execute, '0x0a800c', [permit, swap, '0x'], 9n))
    expect(call).toEqual({
      type: 'universal-router-execute',
      ...at,
      commands: '0x0a800c',
      deadline: 9_000,
      swaps: [
        {
          protocol: 'uniswap-v3',
          exact: 'in',
          assetIn: ann,
          assetOut: cyd,
          path: [ann, bob, cyd],
          amountIn: 5n,
          amountOut: 4n,
          recipient: ann,
        },
      ],
      permits: [{ token: cyd, spender: bob, amount: 6n, expiration: null }],
    })
    expect(decode(encode(execute, '0x0a', [permit, swap], 9n))).toBeNull()
  })

  test('behavior: bytes behind the arguments are counted and not refused: contracts do not read them', () => {
    const transfer = encode('transfer(address,uint256)', cyd, 5n)
    expect(decode(`${transfer}${ann.slice(2)}`)).toEqual({ type: 'transfer', ...at, rest: 20, to: cyd, amount: 5n })
  })

  test('behavior: another function of the same four bytes is not taken for it, since its words do not fit', () => {
    // gasprice_bit_ether(int128) has the selector of transferFrom, many_msg_babbage(bytes1) that of transfer.
    expect(decode(concat(['0x23b872dd', toBeHex(-5n & (2n ** 256n - 1n), 32)]) as Hex)).toBeNull()
    expect(decode(concat(['0xa9059cbb', `0x12${'00'.repeat(31)}`, toBeHex(0, 32)]) as Hex)).toBeNull()
  })

  test('behavior: lists that share one stretch, and offsets outside, are refused before they are read', () => {
    const words = (...values: readonly (bigint | string)[]) => concat(values.map((value) => toBeHex(value, 32)))
    const many = 2_000
    // Every call of the batch is the same one of 2,000 words.
    const shared = concat([
      functionSelector('multicall(bytes[])'),
      words(32n, BigInt(many), ...Array.from({ length: many }, () => BigInt(many) * 32n), BigInt(many) * 32n),
      `0x${'00'.repeat(many * 32)}`,
    ]) as Hex
    expect(decode(shared)).toBeNull()
    for (const offset of [2n ** 255n, 33n, 64n * 1024n]) {
      const input = concat([functionSelector('multicall(bytes[])'), words(offset, 1n, 0n)]) as Hex
      expect([offset, decode(input)]).toEqual([offset, null])
    }
  })
})

const frame = (
  traceAddress: number[],
  type: SourceFrame['type'],
  from: Address,
  to: Address,
  input: Hex,
): SourceFrame => ({
  traceAddress,
  type,
  from,
  to,
  value: 0n,
  selector: input.slice(0, 10) as Hex,
  input,
  error: null,
})
const transactionOf = (parts: Partial<SourceTransaction>): SourceTransaction => ({
  hash: `0x${'1'.repeat(64)}` as SourceTransaction['hash'],
  index: 0,
  envelope: null,
  outcome: null,
  logs: null,
  frames: null,
  ...parts,
})
const sent = (to: Address, input: Hex) =>
  transactionOf({ envelope: { from: ann, to, value: 3n, nonce: 0, input, authorizations: null } })

describe('callsOf', () => {
  const transfer = encode('transfer(address,uint256)', cyd, 5n)

  test('default: of frames, those that act: no view, no library, and what a proxy hands on counts once, as the proxy’s', () => {
    const frames = [
      frame([], 'call', ann, bob, transfer),
      frame([0], 'delegatecall', bob, cyd, transfer), // the proxy's code
      frame([0, 0], 'staticcall', bob, dan, transfer),
      frame([0, 1], 'call', bob, dan, transfer),
      frame([0, 2], 'delegatecall', bob, dan, transfer), // a library's
    ]
    expect(
      callsOf(transactionOf({ frames }))?.map(({ traceAddress, caller, address }) => [traceAddress, caller, address]),
    ).toEqual([
      [[], ann, bob],
      [[0, 1], bob, dan],
    ])
  })

  test('default: a multicall’s own functions have its caller and value, with and without frames', () => {
    const input = encode('multicall(bytes[])', [transfer, '0x', transfer])
    const frames = [
      frame([], 'call', ann, bob, input),
      frame([0], 'delegatecall', bob, cyd, input), // a proxy
      frame([0, 0], 'delegatecall', bob, bob, transfer), // itself
      frame([0, 0, 0], 'delegatecall', bob, cyd, transfer), // the proxy again
      frame([0, 1], 'delegatecall', bob, bob, transfer),
    ].map((one) => ({ ...one, value: one.type === 'call' ? 3n : 0n })) // as geth’s tracer tells it
    const expected = [
      { type: 'multicall', traceAddress: [], caller: ann, address: bob, value: 3n },
      { type: 'transfer', traceAddress: [0, 0], caller: ann, address: bob, value: 3n },
      { type: 'transfer', traceAddress: [0, 1], caller: ann, address: bob, value: 3n },
    ]
    expect(callsOf(transactionOf({ frames }))).toMatchObject(expected)
    const untraced = expected.map((call, index) => ({ ...call, traceAddress: index === 0 ? [] : null }))
    expect(callsOf(sent(bob, input))).toMatchObject(untraced)
  })

  test('default: without frames a Safe’s batch is read off the call data: its calls are the Safe’s', () => {
    const packed = concat([
      concat(['0x00', dan, toBeHex(5, 32), toBeHex(dataLength(transfer), 32), transfer]),
      concat(['0x00', cyd, toBeHex(6, 32), toBeHex(0, 32)]),
    ])
    const multiSend = encode('multiSend(bytes)', packed)
    const execTransaction = 'execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)'
    const input = encode(execTransaction, cyd, 0n, multiSend, 1, 0n, 0n, 0n, ann, ann, '0x')
    expect(callsOf(sent(bob, input))).toEqual([
      {
        type: 'safe-transaction',
        ...at,
        value: 3n,
        transaction: { target: cyd, value: 0n, selector: '0x8d80ff0a' },
        operation: 'delegatecall',
      },
      {
        type: 'multi-send',
        ...{ ...at, traceAddress: null, caller: ann, address: bob },
        calls: [
          { target: dan, value: 5n, selector: '0xa9059cbb', operation: 'call' },
          { target: cyd, value: 6n, selector: '0x', operation: 'call' },
        ],
      },
      { type: 'transfer', ...at, traceAddress: null, caller: bob, address: dan, value: 5n, to: cyd, amount: 5n },
    ])
    // A multiSend whose last call is cut is none; to one's own `multiSend` nobody lends code.
    expect(decodeCall(made(encode('multiSend(bytes)', packed.slice(0, -2))), true)).toBeNull()
  })

  test('behavior: a source without call data knows no calls; a creation makes none', () => {
    expect(callsOf(transactionOf({}))).toBeNull()
    const { envelope } = sent(bob, transfer)
    if (envelope === null) throw new Error('it has one')
    expect(callsOf(transactionOf({ envelope: { ...envelope, to: null } }))).toEqual([])
  })

  test('behavior: call data within call data are followed 16 deep', () => {
    let input = transfer
    for (let depth = 0; depth < 40; depth++) input = encode('multicall(bytes[])', [input])
    expect(callsOf(sent(bob, input))?.map(({ type }) => type)).toEqual(Array.from({ length: 17 }, () => 'multicall'))
  })
})
