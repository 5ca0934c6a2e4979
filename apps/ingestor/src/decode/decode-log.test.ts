import { chainEventSchema, parseAddress, parseHash, type Address, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { topic0Of } from './abi.ts'
import { decodeLog } from './decode-log.ts'
import { protocols } from './protocols.ts'

const word = (value: bigint | Address) => BigInt.asUintN(256, BigInt(value)).toString(16).padStart(64, '0')
const topic = (value: bigint | Address) => parseHash(`0x${word(value)}`)
const data = (...values: readonly (bigint | Address)[]): Hex => `0x${values.map(word).join('')}`
const [ann, bob, cyd] = ['a1', 'b2', 'c3'].map((digits) => parseAddress(`0x${digits.repeat(20)}`)) as [
  Address,
  Address,
  Address,
]
const emitter = parseAddress(`0x${'ee'.repeat(20)}`)
const log = (signature: string, topics: readonly (bigint | Address)[], bytes: Hex = '0x') => ({
  logIndex: 7,
  address: emitter,
  topics: [topic0Of(signature), ...topics.map(topic)],
  data: bytes,
})
const at = { logIndex: 7, address: emitter }

describe('topic0Of', () => {
  // Constants published elsewhere, not computed here, so that a typing error in a signature shows: the catalogue of
  // detectors (whole, or the first four bytes), and ABIs of npm packages (OpenZeppelin, Aave, Curve, Balancer, Uniswap).
  const published: Readonly<Record<string, string>> = {
    'AddLiquidity(address,uint256[2],uint256[2],uint256,uint256)':
      '0x26f55a85081d24974e85c6c00045d0f0453991e95873f52bff0d21af4079a768',
    'RemoveLiquidity(address,uint256[2],uint256[2],uint256)':
      '0x7c363854ccf79623411f8995b362bce5eddff18c927edc6f5dbbb5e05819a82c',
    'RemoveLiquidityImbalance(address,uint256[2],uint256[2],uint256,uint256)':
      '0x2b5508378d7e19e0d5fa338419034731416c4f5b219a10379956f764317fd47e',
    'AddLiquidity(address,uint256[3],uint256[3],uint256,uint256)':
      '0x423f6495a08fc652425cf4ed0d1f9e37e571d9b9529b1c1c23cce780b2e7df0d',
    'RemoveLiquidity(address,uint256[3],uint256[3],uint256)':
      '0xa49d4cf02656aebf8c771f5a8585638a2a15ee6c97cf7205d4208ed7c1df252d',
    'RemoveLiquidityImbalance(address,uint256[3],uint256[3],uint256,uint256)':
      '0x173599dbf9c6ca6f7c3b590df07ae98a45d74ff54065505141e7de6c46a624c2',
    'AddLiquidity(address,uint256[4],uint256[4],uint256,uint256)':
      '0x3f1915775e0c9a38a57a7bb7f1f9005f486fb904e1f84aa215364d567319a58d',
    'RemoveLiquidity(address,uint256[4],uint256[4],uint256)':
      '0x9878ca375e106f2a43c3b599fc624568131c4c9a4ba66a14563715763be9d59d',
    'RemoveLiquidityImbalance(address,uint256[4],uint256[4],uint256,uint256)':
      '0xb964b72f73f5ef5bf0fdc559b2fab9a7b12a39e47817a547f1f0aee47febd602',
    'LOG_SWAP(address,address,address,uint256,uint256)':
      '0x908fb5ee8f16c6bc9bc3690973819f32a4d4b10188134543c88706e0e1d43378',
    'LOG_JOIN(address,address,uint256)': '0x63982df10efd8dfaaaa0fcc7f50b2d93b7cba26ccc48adee2873220d485dc39a',
    'LOG_EXIT(address,address,uint256)': '0xe74c91552b64c2e2e7bd255639e004e693bd3e1d01cc33e65610b86afcc1ffed',
    'Swap(bytes32,address,address,uint256,uint256)': '0x2170c741',
    'AnswerUpdated(int256,uint256,uint256)': '0x0559884fd3a460db3073b7fc896cc77986f16e378210ded43186175bf646fc5f',
    'TokenExchange(address,int128,uint256,int128,uint256)':
      '0x8b3e96f2b889fa771c53c981b40daf005f63f637f1869f707052d15a3dd97140',
    'TokenExchange(address,uint256,uint256,uint256,uint256)': '0xb2e76ae9',
    'TokenExchange(address,uint256,uint256,uint256,uint256,uint256,uint256)': '0x143f1f8e',
    'TokenExchangeUnderlying(address,int128,uint256,int128,uint256)':
      '0xd013ca23e77a65003c2c659c5442c00c805371b7fc1ebd4c206c41d1536bd90b',
    'RemoveLiquidityOne(address,uint256,uint256)': '0x9e96dd3b997a2a257eec4df9bb6eaf626e206df5f543bd963682d143300be310',
    'RemoveLiquidityOne(address,uint256,uint256,uint256)':
      '0x5ad056f2e28a8cec232015406b843668c1e36cda598127ec3b8c59b8c72773a0',
    'Transfer(address,address,uint256)': '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
    'Approval(address,address,uint256)': '0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925',
    'ApprovalForAll(address,address,bool)': '0x17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31',
    'TransferSingle(address,address,address,uint256,uint256)':
      '0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62',
    'TransferBatch(address,address,address,uint256[],uint256[])':
      '0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb',
    'Deposit(address,uint256)': '0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c',
    'Withdrawal(address,uint256)': '0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65',
    'PairCreated(address,address,address,uint256)':
      '0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9',
    'Swap(address,uint256,uint256,uint256,uint256,address)':
      '0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822',
    'Sync(uint112,uint112)': '0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1',
    'Mint(address,uint256,uint256)': '0x4c209b5fc8ad50758f13e2e1088ba56a560dff690a1c6fef26394f4c03821c4f',
    'Burn(address,uint256,uint256,address)': '0xdccd412f0b1252819cb1fd330b93224ca42612892bb3f4f789976e6d81936496',
    'PoolCreated(address,address,uint24,int24,address)':
      '0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118',
    'Swap(address,address,int256,int256,uint160,uint128,int24)':
      '0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67',
    'Mint(address,address,int24,int24,uint128,uint256,uint256)':
      '0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde',
    'Burn(address,int24,int24,uint128,uint256,uint256)':
      '0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c',
    'Collect(address,address,int24,int24,uint128,uint128)':
      '0x70935338e69775456a85ddef226c395fb668b63fa0115f5f20610b388e6ca9c0',
    'UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)': '0x49628fd1',
    'BeforeExecution()': '0xbb47ee3e',
    'FlashLoan(address,address,uint256,uint256,uint256,uint256)':
      '0x5b8f46461c1dd69fb968f1a003acee221ea3e19540e350233b612ddb43433b55',
    'FlashLoan(address,address,address,uint256,uint256,uint16)':
      '0x631042c832b07452973831137f2d73e395028b44b250dedc5abb0ee766e168ac',
    'FlashLoan(address,address,address,uint256,uint8,uint256,uint16)':
      '0xefefaba5e921573100900a3ad9cf29f222d995fb3b6045797eaea7521bd8d6f0',
    'FlashLoan(address,address,uint256,uint256)': '0x0d7d75e01ab95780d3cd1c8ec0dd6c2ce19e3a20427eec8bf53283b6fb8e95f0',
    'FlashLoan(address,address,uint256)': '0xc76f1b4f',
    'LogOperation(address)': '0x91b01bae',
    'CallScheduled(bytes32,uint256,address,uint256,bytes,bytes32,uint256)':
      '0x4cf4410cc57040e44862ef0f45f3dd5a5e02db8eb8add648d4b0e236f1d07dca',
    'MinDelayChange(uint256,uint256)': '0x11c24f4ead16507c69ac467fbd5e4eed5fb5c699626d2cc6d66421df253886d5',
    'ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)':
      '0x7d84a6263ae0d98d3329bd7b46bb4e8d6f98cd35a7adb45c274c8b7fd5ebd5e0',
    'VoteCast(address,uint256,uint8,uint256,string)':
      '0xb8e138887d0aa13bab447e82de9d5c1777041ecd21ca36ba824ff1e6c07ddda4',
    'DelegateVotesChanged(address,uint256,uint256)':
      '0xdec2bacdd2f05b59de34da9b523dff8be42e5e38e818c82fdb0bae774387a724',
    'LiquidationCall(address,address,address,uint256,uint256,address,bool)':
      '0xe413a321e8681d831f4dbccbca790d2952b56f977908e45be37335533e005286',
    'LiquidationCall(address,address,address,uint256,uint256,uint256,address,bool,uint256)': '0x56864757',
    'LiquidateBorrow(address,address,uint256,address,uint256)':
      '0x298637f684da70674f26509b10f07ec2fbc77a335ab1e7d6215a4b2484d8bb52',
    'TransactionDeposited(address,address,uint256,bytes)': '0xb3813568',
    'OwnershipTransferred(address,address)': '0x8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e0',
    'OwnershipTransferStarted(address,address)': '0x38d16b8cac22d99fc7c124b9cd0de2d3fa1faef420bfe791d8c362d765e22700',
    'RoleGranted(bytes32,address,address)': '0x2f8788117e7eff1d82e926ec794901d17c78024a50270940304540a733656f0d',
    'RoleRevoked(bytes32,address,address)': '0xf6391f5c32d9c69d2a47ea670b442974b53935d1edc7fd64eb21e047a839171b',
    'RoleAdminChanged(bytes32,bytes32,bytes32)': '0xbd79b86ffe0ab8e8776151514217cd7cacd52c909f66475c3af44e129f0b00ff',
    'Paused(address)': '0x62e78cea01bee320cd4e420270b5ea74000d11b0c9f74754ebdbfc544b05a258',
    'Unpaused(address)': '0x5db9ee0a495bf2e6ff9c91a7834c1ba4fdd244a5e8aa4e537bd38aeae4b073aa',
    'Pause()': '0x6985a022',
    'Unpause()': '0x7805862f',
    'Approval(address,address,address,uint160,uint48)': '0xda9fa7c1',
    'Permit(address,address,address,uint160,uint48,uint48)':
      '0xc6a377bfc4eb120024a8ac08eef205be16b817020812c73223e81d1bdb9708ec',
    'LogFeeTransfer(address,address,address,uint256,uint256,uint256,uint256,uint256)': '0x4dfe1bbb',
    'Upgraded(address)': '0xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b',
    'AdminChanged(address,address)': '0x7e644d79422f17c01e4894b5f4f588d331ebfa28653d42ae832dc59e38c9798f',
    'BeaconUpgraded(address)': '0x1cf3b03a6cf19fa2baba4df148e9dcabedea7f8a5c07840e207e5c089be95d3e',
    'DiamondCut((address,uint8,bytes4[])[],address,bytes)': '0x8faa7087',
    'AddedOwner(address)': '0x9465fa0c',
    'RemovedOwner(address)': '0xf8d49fc5',
    'ChangedThreshold(uint256)': '0x610f7ff2',
    'EnabledModule(address)': '0xecdf3a3e',
    'ChangedGuard(address)': '0x11511169',
    'ChangedMasterCopy(address)': '0x75e41bc3',
    'ExecutionSuccess(bytes32,uint256)': '0x442e715f',
    // safe-deployments, ABIs of Safe 1.3 and 1.4.
    'ExecutionFailure(bytes32,uint256)': '0x23428b18acfb3ea64b08dc0c1d296ea9c09702c09083ca5272e64d115b687d23',
    'ExecutionFromModuleSuccess(address)': '0x6895c13664aa4f67288b25d7a21d7aaa34916e355fb9b6fae0a139a9085becb8',
    'ExecutionFromModuleFailure(address)': '0xacd2c8702804128fdb0db2bb49f6d127dd0181c13fd45dbfe16de0930e2bd375',
    'SanctionedAddressesAdded(address[])': '0x2596d7dd6966c5673f9c06ddb0564c4f0e6d8d206ea075b83ad9ddd71a4fb927',
    'SanctionedAddressesRemoved(address[])': '0x32aab684eee99db715515d1a9987a8fe33bb6341b0e35e60db7eab48a08f9a3a',
    'OrderFulfilled(bytes32,address,address,address,(uint8,address,uint256,uint256)[],(uint8,address,uint256,uint256,address)[])':
      '0x9d9af8e38d66c62e2c12f0225249fd9d721c54b83f48d9352c97c6cacdcb6f31',
    'Mint(address,address,uint256)': '0xab8530f8',
    'Issue(uint256)': '0xcb8241ad',
    'AddedBlackList(address)': '0x42e160154868087d6bfdc0ca23d96a1c1cfa32f1b72ba9ba27b69b98a0d819dc',
    'RemovedBlackList(address)': '0xd7e9ec6e6ecd65492dce6bf513cd6867560d49544421d0783ddf06e76c24470c',
    'Blacklisted(address)': '0xffa4e6181777692565cf28528fc88fd1516ea86b56da075235fa575af6a4b855',
    'UnBlacklisted(address)': '0x117e3210bb9aa7d9baff172026820255c6f6c30ba8999d1c2fd88e2848137c4e',
    'DestroyedBlackFunds(address,uint256)': '0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6',
    'Deposit(bytes32,uint32,uint256)': '0xa945e51eec50ab98c161376f0db4cf2aeba3ec92755fe2fcd388bdbbb80ff196',
    'Withdrawal(address,bytes32,address,uint256)': '0xe9e508bad6d4c3227e881ca19068f099da81b5164dd6d62b2eaf1e8bc6c34931',
    'Swap(address,address,uint256,uint256,uint256,uint256)':
      '0xb3e2773606abfd36b5bd91394b3a54d1398336c65005baf7bf7a05efeffaf75b',
    'Sync(uint256,uint256)': '0xcf2aa508',
    'Burn(address,address,uint256,uint256)': '0x5d624aa9c148153ab3446c1b154f660ee7701e549fe9b62dab7171b1c80e6fa2',
    'Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)':
      '0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83',
    'Flash(address,address,uint256,uint256,uint256,uint256)':
      '0xbdbdb71d7860376ba52b25a5028beea23581364a40522f6bcfb86bb1f2dca633',
    'Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)':
      '0x40e9cecb9f5f1f1c5b9c97dec2917b7ee92e57ba5563708daca94dd84ad7112f',
    'ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)': '0xf208f491',
  }
  /** Of these only the protocol's source tells the signature. */
  const unpublished = [
    'PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])',
    'PairCreated(address,address,bool,address,uint256)',
    'PoolCreated(address,address,bool,address,uint256)',
    'Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)',
  ]

  test('default: every signature that is decoded hashes to its published first topic, and every published one is decoded', () => {
    const signatures = new Set(protocols.flatMap(({ events }) => events.map(({ signature }) => signature)))
    expect([...signatures].sort()).toEqual([...Object.keys(published), ...unpublished].sort())
    for (const [signature, topic0] of Object.entries(published))
      expect([signature, topic0Of(signature).slice(0, topic0.length)]).toEqual([signature, topic0])
  })

  test('behavior: no two events claim the same log', () => {
    const claims = protocols.flatMap(({ events }) => events.map((e) => `${e.signature} ${e.topics} ${e.words}`))
    expect(new Set(claims).size).toBe(claims.length)
  })
})

describe('decodeLog', () => {
  const transfer = 'Transfer(address,address,uint256)'

  test('default: a Transfer with three topics is ERC-20, with four ERC-721', () => {
    const value = 2n ** 256n - 1n
    expect(decodeLog(log(transfer, [ann, bob], data(value)))).toEqual({
      type: 'erc20-transfer',
      ...at,
      from: ann,
      to: bob,
      value,
    })
    expect(decodeLog(log(transfer, [ann, bob, 5n]))).toEqual({
      type: 'erc721-transfer',
      ...at,
      from: ann,
      to: bob,
      tokenId: 5n,
    })
  })

  test('behavior: another number of topics, other lengths of data and dirty address words stay raw', () => {
    const unfit = [
      log(transfer, [], data(ann, bob, 5n)), // CryptoKitties: nothing indexed
      log(transfer, [ann, bob], data(1n, 2n)),
      log(transfer, [ann, bob]),
      log('Deposit(address,uint256)', [ann, bob], data(1n)), // one indexed argument too many
      log(transfer, [2n ** 200n, bob], data(1n)),
      { ...log(transfer, [ann, bob]), data: '0x01' as const },
      log('ApprovalForAll(address,address,bool)', [ann, bob], data(2n)),
      log('Mint(address,uint256,uint256)', [], data(ann, 1n, 2n)), // Compound's
      { logIndex: 7, address: emitter, topics: [], data: '0x' as const },
    ]
    for (const raw of unfit) expect(decodeLog(raw)).toEqual({ type: 'log', ...at, topics: raw.topics, data: raw.data })
  })

  test('default: a v3 swap keeps the signs of its amounts and its tick', () => {
    const swap = log(
      'Swap(address,address,int256,int256,uint160,uint128,int24)',
      [ann, bob],
      data(-5n, 7n, 3n, 4n, -887272n),
    )
    expect(decodeLog(swap)).toEqual({
      type: 'uniswap-v3-swap',
      ...at,
      token0: null,
      token1: null,
      sender: ann,
      recipient: bob,
      amount0: -5n,
      amount1: 7n,
      sqrtPriceX96: 3n,
      liquidity: 4n,
      tick: -887272,
    })
    const tooFar = log(
      'Swap(address,address,int256,int256,uint160,uint128,int24)',
      [ann, bob],
      data(-5n, 7n, 3n, 4n, 2n ** 23n),
    )
    expect(decodeLog(tooFar).type).toBe('log')
  })

  test('default: an ERC-1155 batch lists what moved; lengths that differ or lie outside the data stay raw', () => {
    const batch = 'TransferBatch(address,address,address,uint256[],uint256[])'
    const good = log(batch, [ann, bob, cyd], data(64n, 160n, 2n, 10n, 11n, 2n, 1n, 3n))
    expect(decodeLog(good)).toEqual({
      type: 'erc1155-transfer',
      ...at,
      operator: ann,
      from: bob,
      to: cyd,
      items: [
        { tokenId: 10n, value: 1n },
        { tokenId: 11n, value: 3n },
      ],
    })
    for (const bad of [
      data(64n, 160n, 2n, 10n, 11n, 1n, 1n),
      data(64n, 160n, 2n ** 255n, 10n, 11n, 2n, 1n, 3n),
      data(64n, 2n ** 200n, 2n, 10n, 11n, 2n, 1n, 3n),
      data(65n, 160n, 2n, 10n, 11n, 2n, 1n, 3n),
    ])
      expect(decodeLog(log(batch, [ann, bob, cyd], bad)).type).toBe('log')
  })

  test('default: a Chainlink answer may be negative, and its time is in ms', () => {
    const answer = log('AnswerUpdated(int256,uint256,uint256)', [-1n, 9n], data(1_698_224_783n))
    expect(decodeLog(answer)).toEqual({
      type: 'chainlink-answer',
      ...at,
      answer: -1n,
      roundId: 9n,
      updatedAt: 1_698_224_783_000,
    })
    expect(decodeLog(log('AnswerUpdated(int256,uint256,uint256)', [1n, 9n], data(2n ** 60n))).type).toBe('log')
  })

  test('property: no log makes it throw, and a raw one keeps every byte', () => {
    const signatures = protocols.flatMap(({ events }) => events.map(({ signature }) => signature))
    const anyWord = fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }))
    const law = fc.property(
      fc.constantFrom(...signatures),
      fc.array(anyWord, { maxLength: 3 }),
      fc.array(anyWord, { maxLength: 12 }),
      (signature, topics, words) => {
        const any = log(signature, topics, data(...words))
        const event = decodeLog(any)
        return event.type !== 'log' || (event.data === any.data && event.topics.join() === any.topics.join())
      },
    )
    expect(() => fc.assert(law, { numRuns: 2000 })).not.toThrow()
  })

  test('default: a diamond cut lists its facets and their functions', () => {
    const bytes4 = BigInt('0xa9059cbb') << 224n
    const facets = data(96n, bob, 256n, 1n, 32n, ann, 1n, 96n) + data(1n, bytes4, 0n, 0n).slice(2)
    const cut = decodeLog(log('DiamondCut((address,uint8,bytes4[])[],address,bytes)', [], `0x${facets.slice(2)}`))
    expect(cut).toMatchObject({
      type: 'diamond-cut',
      cuts: [{ facet: ann, action: 'replace', selectors: ['0xa9059cbb'] }],
      init: bob,
    })
  })

  test('behavior: a cut whose facets all point at one long list of functions stays raw: it would fill the memory', () => {
    const cuts = 1000
    const functions = 1000
    const bytes = data(
      96n,
      bob,
      32n * (3n + 1n + BigInt(cuts) + 3n + 1n + BigInt(functions)),
      BigInt(cuts),
      ...Array.from({ length: cuts }, () => 32n * BigInt(cuts)),
      ann,
      0n,
      96n,
      BigInt(functions),
      ...Array.from({ length: functions }, () => 0n),
      0n,
    )
    expect(decodeLog(log('DiamondCut((address,uint8,bytes4[])[],address,bytes)', [], bytes)).type).toBe('log')
  })

  test('property: each decoder gives what its schema says, whatever the words, or the log stays raw', () => {
    const typed = new Set<string>()
    const decoders = protocols.flatMap(({ events }) => events)
    const anyWord = fc.oneof(
      fc.bigInt({ min: 0n, max: 9n }).map((n) => n * 32n),
      fc.bigInt({ min: 0n, max: 1n }),
      fc.bigInt({ min: 0n, max: 2n ** 160n - 1n }),
    )
    const law = fc.property(
      fc.constantFrom(...decoders),
      fc.array(anyWord, { minLength: 16, maxLength: 16 }),
      ({ signature, topics, words }, any) => {
        const event = decodeLog(log(signature, any.slice(12, 11 + topics), data(...any.slice(0, words ?? 12))))
        typed.add(event.type)
        const text = JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
        const parsed = chainEventSchema.parse(JSON.parse(text))
        expect(parsed).toEqual(event)
      },
    )
    expect(() => fc.assert(law, { numRuns: 3000 })).not.toThrow()
    expect(typed.size).toBeGreaterThan(50)
  })
})
