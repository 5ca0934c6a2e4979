import { decodedCalls, decodedEvents, severities } from '@tocsin/chain-model'
import { nearest } from '@tocsin/service-kit'
import { days } from '@tocsin/stream-core'
import {
  addresses,
  choice,
  count,
  duration,
  optional,
  parsedText,
  type Parameter,
  type ParametersOf,
} from '../parameters.ts'
import { parseCondition, parseInteger, parsePath, pathsOf, type Condition, type Path } from './condition.ts'
import { missing, recordFields } from './record-value.ts'

/** What was written and what it means: alerts carry the words. */
export interface Written<Meaning> {
  readonly text: string
  readonly is: Meaning
}

const condition = (doc: string): Parameter<Written<Condition> | null> =>
  optional(
    parsedText<Written<Condition>>({
      default: { text: '', is: { type: 'and', parts: [] } },
      doc,
      kind: 'text',
      expected: 'a condition such as "amount > 1000e6 and to != $contract"',
      parse: (text) => ({ text, is: parseCondition(text) }),
      write: ({ text }) => text,
    }),
  )

const path = (doc: string, value: string) =>
  parsedText<Path>({
    default: parsePath(value),
    doc,
    kind: 'text',
    expected: 'an argument’s name, such as amount, order.price or items[0], or $contract, $actor, $caller, $value',
    parse: parsePath,
    write: ({ text }) => text,
  })

const identifier = /^[A-Za-z_$][\w$]*$/
const signature = /^[A-Za-z_$][\w$]*\([A-Za-z0-9,()[\]]*\)$/
/** Of what Tocsin decodes itself, apart from functions of users that are called alike. */
const decodedType = /^tocsin\.([a-z0-9-]+)$/
const hash = /^0x[0-9a-fA-F]{64}$/

const target = (doc: string, expected: string, shapes: readonly RegExp[]) =>
  optional(
    parsedText<string>({
      default: '',
      doc,
      kind: 'text',
      expected,
      parse: (text) => {
        // `Paid(address, uint)` is what people write; a signature has neither spaces nor short names.
        const plain = text
          .trim()
          .replaceAll(/\s*([(),])\s*/g, '$1')
          .replaceAll(/\b(u?int)(?=[,)[])/g, '$1256')
        if (!shapes.some((shape) => shape.test(plain))) throw new TypeError('this is none')
        return hash.test(plain) ? plain.toLowerCase() : plain
      },
      write: (value) => value,
    }),
  )

const longest = 200

/** What a rule says. What is not said is not in its alerts either. */
export const ruleParameters = {
  event: target(
    'the event: its name, its signature, or the first topic of logs that no ABI explains',
    'a name such as Withdrawal, a signature such as Withdrawal(address,uint256), a type that Tocsin decodes such as tocsin.erc20-transfer, or a first topic (0x and 64 hex digits)',
    [identifier, signature, decodedType, hash],
  ),
  call: target(
    'instead of an event the function that is called: its name or signature',
    'a name such as withdraw, a signature such as withdraw(address,uint256), or a type that Tocsin decodes such as tocsin.approve',
    [identifier, signature, decodedType],
  ),
  contract: optional(addresses({ default: [], doc: 'the contracts that it is of; none: any' })),
  where: condition('what of its arguments must hold'),
  keyBy: path('what alerts are about, and counts and sums are of', '$contract'),
  within: optional(
    duration({
      default: 1,
      range: [0, days(30)],
      doc: 'the span of event time that is counted or summed over, both ends included',
    }),
  ),
  count: optional(count({ default: 1, doc: 'how many times within that span raise the alarm' })),
  sum: optional(path('what is added up within that span', 'amount')),
  over: optional(
    parsedText<bigint>({
      default: 0n,
      doc: 'what the sum may come to; more raises the alarm',
      kind: 'number',
      expected: 'a whole number in base units, such as 1000 or "2.5e18"',
      parse: parseInteger,
      write: String,
    }),
  ),
  absentFor: optional(
    duration({
      default: 1,
      range: [1, days(365)],
      doc: 'raises the alarm when what came once does not come again within that time',
    }),
  ),
  severity: choice({ choices: severities, default: 'medium', doc: 'of its alerts' }),
  title: optional(
    parsedText<string>({
      default: '',
      doc: 'of its alerts',
      kind: 'text',
      expected: `text of 1 to ${longest} characters in one line`,
      parse: (text) => {
        if (text.trim() === '' || text.length > longest || /[\p{Cc}\p{Cf}]/u.test(text))
          throw new TypeError('this is not')
        return text
      },
      write: (value) => value,
    }),
  ),
  coolDown: duration({
    default: 0,
    range: [0, days(30)],
    doc: 'mutes further alerts of a key for so long; the next one counts them; 0: none',
  }),
}
export type RuleParameters = ParametersOf<typeof ruleParameters>

/** What parameters say together and may not, each under the name of one. */
export function contradictionsIn(rule: RuleParameters): readonly { readonly name: string; readonly reason: string }[] {
  const { event, call, within, count: times, sum, over, absentFor } = rule
  const problems: { readonly name: string; readonly reason: string }[] = []
  const refuse = (name: string, reason: string) => problems.push({ name, reason })
  const refuseUnknownType = (name: string, asked: string | null, known: ReadonlyMap<string, unknown>) => {
    const type = asked === null ? null : decodedTypeOf(asked)
    if (type === null || known.has(type)) return
    const near = nearest(type, [...known.keys()])
    const hint =
      near === undefined ? 'docs/schemas/transactions-record.json has all types.' : `did you mean tocsin.${near}?`
    refuse(name, `Tocsin decodes no ${type}; ${hint}`)
  }
  if (event === null && call === null) refuse('event', 'is missing: name an event, or a function with call.')
  refuseUnknownType('event', event, decodedEvents)
  refuseUnknownType('call', call, decodedCalls)
  if (event !== null && call !== null) refuse('call', 'a rule is about an event or about a call, not about both.')
  for (const { parameter, path: asked } of pathsAsked(rule)) {
    const [first] = asked.steps
    if (typeof first === 'string' && first.startsWith('$')) {
      const field = Object.hasOwn(recordFields, asked.text)
        ? recordFields[asked.text as keyof typeof recordFields]
        : null // the line's own proof
      if (field === null)
        refuse(
          parameter,
          missing(
            asked.text,
            Object.keys(recordFields).map((name) => ({ name })),
          ),
        )
      else if (field.of === 'call' && call === null) refuse(parameter, `${asked.text} is of calls: an event has none.`)
    } else if (isTopic(event))
      refuse(
        parameter,
        `${asked.text}: a log that nothing decodes has no arguments; name the event, and give its ABI with --abi.`,
      )
  }
  if (within === null && times !== null) refuse('within', 'is missing: count counts within a span of time.')
  if (within === null && sum !== null) refuse('within', 'is missing: sum adds up within a span of time.')
  if (within !== null && times === null && sum === null)
    refuse('within', 'says a span of time, and neither count nor sum says of what.')
  if (times !== null && sum !== null) refuse('sum', 'a rule counts or sums, not both: write two rules.')
  if (sum !== null && over === null) refuse('over', 'is missing: what the sum may come to.')
  if (over !== null && over < 0n)
    refuse('over', 'is below 0, where every sum begins: it would be exceeded before anything came.')
  if (sum === null && over !== null) refuse('sum', 'is missing: which argument is added up.')
  if (absentFor !== null && within !== null)
    refuse('absentFor', 'a rule is about what comes or about what does not, not about both: write two rules.')
  return problems
}

/** Every path that the rule asks of a record, under the parameter that says it. */
export function pathsAsked(rule: RuleParameters): readonly { readonly parameter: string; readonly path: Path }[] {
  const { where, keyBy, sum } = rule
  return [
    ...(where === null ? [] : pathsOf(where.is)).map((each) => ({ parameter: 'where', path: each })),
    { parameter: 'keyBy', path: keyBy },
    ...(sum === null ? [] : [{ parameter: 'sum', path: sum }]),
  ]
}

/** The type of what Tocsin decodes itself, `erc20-transfer` of `tocsin.erc20-transfer`; null: it is a user's. */
export const decodedTypeOf = (asked: string): string | null => decodedType.exec(asked)?.[1] ?? null

/** Logs that nothing decodes have no arguments. */
export const isTopic = (event: string | null): boolean => event !== null && hash.test(event)
