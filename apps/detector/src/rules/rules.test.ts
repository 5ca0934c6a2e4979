import { describe, expect, test } from 'vitest'
import type { AbiInput, KnownAbi } from './rule-abi.ts'
import { parseRules, RuleError } from './rules.ts'

const uint = (name: string, indexed = false): AbiInput => ({ name, type: 'uint256', is: { kind: 'uint' }, indexed })
const account = (name: string): AbiInput => ({ name, type: 'address', is: { kind: 'address' } })
const order = {
  name: 'order',
  type: '(address,uint256[2])',
  is: {
    kind: 'tuple',
    components: [
      account('maker'),
      { name: 'prices', type: 'uint256[2]', is: { kind: 'array', of: { kind: 'uint' }, length: 2 } },
    ],
  },
} as const satisfies AbiInput
const vault: KnownAbi = {
  name: 'Vault',
  events: [
    { signature: 'Withdrawal(address,uint256)', inputs: [account('owner'), uint('amount')] },
    {
      signature: 'Filled((address,uint256[2]),string)',
      inputs: [order, { name: 'note', type: 'string', is: { kind: 'string' }, indexed: true }],
    },
    { signature: 'Transfer(uint256)', inputs: [uint('amount')], isTyped: true },
    { signature: 'Moved(uint256)', inputs: [uint('from')] },
    { signature: 'Moved(uint256,uint256)', inputs: [uint('from'), uint('to')] },
  ],
  functions: [{ signature: 'withdraw(uint256)', inputs: [uint('amount')] }],
}

function problems(
  rules: unknown,
  abis: readonly KnownAbi[] | null = [vault],
  text = JSON.stringify(rules),
): readonly string[] {
  try {
    parseRules([{ path: 'rules.json', text }], abis)
    return []
  } catch (error) {
    return error instanceof RuleError ? error.problems : [String(error)]
  }
}
const problemsOf = (rule: object, abis: readonly KnownAbi[] | null = [vault]) =>
  problems([{ name: 'mine', ...rule }], abis)

describe('parseRules', () => {
  test('default: every rule of a file is a detector of its name, described by what it says', () => {
    const text = JSON.stringify({
      rules: [
        { name: 'mine', event: 'Withdrawal', where: 'amount > 1e6', title: 'Look' },
        { name: 'yours', call: 'withdraw' },
      ],
    })
    const rules = parseRules([{ path: 'rules.json', text }], [vault])
    expect(rules.map(({ id, summary }) => [id, summary])).toEqual([
      ['mine', 'Look'],
      ['yours', 'Each withdraw.'],
    ])
    expect(
      [
        { event: 'Moved(uint256)', where: 'from > 1', keyBy: 'from', within: '1 min', count: 3 },
        { event: 'Withdrawal', keyBy: 'owner', within: '1 h', sum: 'amount', over: '5e18' },
        { call: 'withdraw', absentFor: '1 d' },
      ].flatMap((rule) =>
        parseRules([{ path: '', text: JSON.stringify([{ name: 'mine', ...rule }]) }], [vault]).map(
          ({ summary }) => summary,
        ),
      ),
    ).toEqual([
      '3 times Moved(uint256) where from > 1 by from within 1 min.',
      'More than 5e18 of amount in Withdrawal by owner within 1 h.',
      'No withdraw for longer than 1 d.',
    ])
    expect(rules[0]?.describe().map(({ name, default: value }) => [name, value])).toEqual([
      ['event', 'Withdrawal'],
      ['where', 'amount > 1e6'],
      ['title', 'Look'],
    ])
    expect(rules[0]?.configure({}, []).parameters).toEqual({
      ...{
        event: 'Withdrawal',
        where: 'amount > 1e6',
        keyBy: '$contract',
        severity: 'medium',
        title: 'Look',
        coolDown: 0,
      },
    })
  })

  test('behavior: what fits the ABIs: overloads by signature, short types, parts of tuples, hashes of indexed text', () => {
    for (const rule of [
      { event: 'Moved(uint, uint256)', where: 'to > from' },
      { event: 'Moved', where: 'from == 1' },
      {
        event: 'Filled',
        where: `order.maker == 0x${'ab'.repeat(20)} and order.prices[1] > 5 and note == 0x${'cd'.repeat(32)}`,
      },
      { event: 'Withdrawal', keyBy: 'owner', within: '1 h', sum: 'amount', over: 5 },
      { event: 'tocsin.erc20-transfer', where: 'value > 1 and from != to', keyBy: 'to' },
      { call: 'withdraw', where: '$value > 0', keyBy: '$caller', absentFor: '1 d' },
      { event: `0x${'AB'.repeat(32)}`, within: 0, count: 2, keyBy: '$actor' },
    ])
      expect(problemsOf(rule), JSON.stringify(rule)).toEqual([])
    expect(problemsOf({ event: 'Whatever', where: 'x > 1' }, null)).toEqual([])
  })

  test('error: what the ABI has not, with the name that is near', () => {
    expect(
      [
        { event: 'Withdrawl' },
        { event: 'withdraw' },
        { call: 'Withdrawal' },
        { event: 'Withdrawal(uint256)' },
        { event: 'Nothing' },
        { event: 'Transfer', where: 'amount > 1' },
        { event: 'tocsin.erc20-transfr' },
        { event: 'tocsin.erc20-transfer', where: 'valu > 1 and from > 5' },
        { event: 'Withdrawal', where: 'amuont > 1 and owner == 5', keyBy: 'onwer' },
        { event: 'Withdrawal', where: 'amount == "5"' },
        { event: 'Withdrawal', within: '1 h', sum: 'owner', over: 1 },
        { event: 'Moved', where: 'to > 1' },
        { event: 'Filled', where: 'order == 1' },
        { event: 'Filled', where: 'order.prices == 1' },
        { event: 'Filled', where: 'order.prices[2] == 1' },
        { event: 'Filled', where: 'order.price[0] == 1' },
        { event: 'Filled', where: 'note == "gift"' },
        { event: 'Withdrawal', where: 'amount.x == 1' },
      ].flatMap((rule) => problemsOf(rule)),
    ).toMatchInlineSnapshot(`
      [
        "rules.json, rule mine, event: no ABI has the event Withdrawl; did you mean Withdrawal?",
        "rules.json, rule mine, event: withdraw is a function: write call for event.",
        "rules.json, rule mine, call: Withdrawal is an event: write event for call.",
        "rules.json, rule mine, event: no ABI has the event Withdrawal(uint256); did you mean Withdrawal(address,uint256)?",
        "rules.json, rule mine, event: no ABI has the event Nothing; there are Withdrawal, Filled, Transfer, Moved.",
        "rules.json, rule mine, event: Tocsin decodes Transfer itself, under a type of its own: a rule names that, such as tocsin.erc20-transfer.",
        "rules.json, rule mine, event: Tocsin decodes no erc20-transfr; did you mean tocsin.erc20-transfer?",
        "rules.json, rule mine, where: valu in tocsin.erc20-transfer: there is no valu; did you mean value?",
        "rules.json, rule mine, where: > compares numbers, not from (an address) in tocsin.erc20-transfer.",
        "rules.json, rule mine, where: amuont in Withdrawal(address,uint256): there is no amuont; did you mean amount?",
        "rules.json, rule mine, keyBy: onwer in Withdrawal(address,uint256): there is no onwer; did you mean owner?",
        "rules.json, rule mine, where: owner (an address) is not compared with 5 (a number) in Withdrawal(address,uint256).",
        "rules.json, rule mine, where: amount (a number) is not compared with "5" (text) in Withdrawal(address,uint256).",
        "rules.json, rule mine, sum: owner is no number in Withdrawal(address,uint256).",
        "rules.json, rule mine, where: to in Moved(uint256): there is no to; there are from. (Moved(uint256) is one of 2 that event names)",
        "rules.json, rule mine, where: order in Filled((address,uint256[2]),string): it is a tuple: name one of maker, prices.",
        "rules.json, rule mine, where: order.prices in Filled((address,uint256[2]),string): uint256[2] is a list: [n] names one of it.",
        "rules.json, rule mine, where: order.prices[2] in Filled((address,uint256[2]),string): uint256[2] has 2 values, from [0].",
        "rules.json, rule mine, where: order.price[0] in Filled((address,uint256[2]),string): there is no price; did you mean prices?",
        "rules.json, rule mine, where: note (bytes) is not compared with "gift" (text) in Filled((address,uint256[2]),string): note is indexed, so that a log has only its Keccak-256.",
        "rules.json, rule mine, where: amount.x in Withdrawal(address,uint256): a value of uint256 has no part x.",
      ]
    `)
    expect(problemsOf({ event: 'Withdrawal' }, [])).toMatchInlineSnapshot(`
      [
        "rules.json, rule mine, event: no ABI is given that has the event Withdrawal; give it with --abi.",
      ]
    `)
  })

  test('error: what a rule says that is not understood, or that contradicts itself, all of it at once', () => {
    expect(
      [
        {},
        { event: 'A', call: 'b' },
        { event: 'A', were: 'x > 1' },
        { event: 'A', where: 'x' },
        { event: 'A', count: 2 },
        { event: 'A', within: '1 h' },
        { event: 'A', within: '1 h', sum: 'x' },
        { event: 'A', over: '5' },
        { event: 'A', within: '1 h', sum: 'x', over: -1 },
        { event: 'A', within: '1 h', count: 2, sum: 'x', over: 5 },
        { event: 'A', within: '1 h', count: 2, absentFor: '1 h' },
        { event: 'A', severity: 'bad', contract: '0x12', count: 0, over: '1.5', title: 'a\nb' },
        { event: 'A', keyBy: '$caller', where: '$actro == 1' },
        { event: `0x${'ab'.repeat(32)}`, where: 'amount > 1' },
        { event: 'A B' },
      ].flatMap((rule) => problemsOf(rule, null)),
    ).toMatchInlineSnapshot(`
      [
        "rules.json, rule mine, event: is missing: name an event, or a function with call.",
        "rules.json, rule mine, call: a rule is about an event or about a call, not about both.",
        "rules.json, rule mine, were: there is no such parameter; did you mean where?",
        "rules.json, rule mine, where: expected a condition such as "amount > 1000e6 and to != $contract" (expected a comparison (==, !=, <, <=, >, >= or in) behind "x", but it ends), but got "x".",
        "rules.json, rule mine, within: is missing: count counts within a span of time.",
        "rules.json, rule mine, within: says a span of time, and neither count nor sum says of what.",
        "rules.json, rule mine, over: is missing: what the sum may come to.",
        "rules.json, rule mine, sum: is missing: which argument is added up.",
        "rules.json, rule mine, over: is below 0, where every sum begins: it would be exceeded before anything came.",
        "rules.json, rule mine, sum: a rule counts or sums, not both: write two rules.",
        "rules.json, rule mine, absentFor: a rule is about what comes or about what does not, not about both: write two rules.",
        "rules.json, rule mine, contract: expected an address (0x and 40 hex digits), or a list of them ("0x12" is no address: 0x and 40 hex digits.), but got "0x12".",
        "rules.json, rule mine, count: expected a whole number from 1 to 10000, but got 0.",
        "rules.json, rule mine, over: expected a whole number in base units, such as 1000 or "2.5e18" (1.5 is no integer), but got "1.5".",
        "rules.json, rule mine, severity: expected one of info, low, medium, high, critical, but got "bad".",
        "rules.json, rule mine, title: expected text of 1 to 200 characters in one line (this is not), but got "a\\nb".",
        "rules.json, rule mine, where: there is no $actro; did you mean $actor?",
        "rules.json, rule mine, keyBy: $caller is of calls: an event has none.",
        "rules.json, rule mine, where: amount: a log that nothing decodes has no arguments; name the event, and give its ABI with --abi.",
        "rules.json, rule mine, event: expected a name such as Withdrawal, a signature such as Withdrawal(address,uint256), a type that Tocsin decodes such as tocsin.erc20-transfer, or a first topic (0x and 64 hex digits) (this is none), but got "A B".",
      ]
    `)
    expect([
      ...problems(
        [{ name: 'Not-Kebab', event: 'A' }, { event: 'A' }, 5, { name: 'transfer-volume', event: 'A' }],
        null,
      ),
      ...problems(
        [
          { name: 'same', event: 'A' },
          { name: 'same', event: 'B' },
        ],
        null,
      ),
      ...problems(null, null, '\uFEFF[]'), // an editor's mark of the byte order is no mistake
      ...problems({ rule: [] }, null),
      ...problems({ rules: [], more: 1 }, null),
      ...problems(null, null, '{ rules'),
    ]).toMatchInlineSnapshot(`
      [
        "rules.json, rule Not-Kebab, name: cannot be "Not-Kebab"; expected words of small letters and digits, such as large-withdrawal.",
        "rules.json, rule 2, name: is missing; expected words of small letters and digits, such as large-withdrawal.",
        "rules.json, rule 3, it: a rule is an object, { "name": …, "event": … }.",
        "rules.json, rule transfer-volume, name: a detector has it; choose another.",
        "rules.json, rule same, name: another rule has it; alerts are told apart by it.",
        "rules.json: it holds no rules; expected { "rules": [{ "name": …, "event": … }] }.",
        "rules.json: more beside rules is not understood.",
        "rules.json: it is no JSON (Expected property name or '}' in JSON at position 2 (line 1 column 3)).",
      ]
    `)
  })
})
