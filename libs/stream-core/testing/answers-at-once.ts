import type { AnswerAtOnce } from '../src/task/answers.ts'
import { nameOfNode, type Topology } from '../src/topology.ts'

/** By the uid of an `enrich`: what it is answered. Given what `requestOf` made; gives what `answerCodec` takes, or throws. */
export type GivenAnswers = Readonly<Record<string, (request: never) => unknown>>

export class UnansweredError extends Error {
  readonly handling = 'stop'
}

/** In place of each `ask`, for runs in which nobody waits. What an answer throws is why there is none. */
export const answersAtOnce = ({ nodes }: Pick<Topology, 'nodes'>, answers: GivenAnswers): AnswerAtOnce => {
  const enrichments = new Map(nodes.map((node) => [nameOfNode(node), node.enrichment]))
  return ({ operator, request }) => {
    const answer = answers[operator]
    const enrichment = enrichments.get(operator)
    if (answer === undefined || enrichment === null || enrichment === undefined) {
      throw new UnansweredError(`"${operator}" asks; give a function for it in \`answers\`.`)
    }
    try {
      const given = answer(enrichment.decodeRequest(request) as never) // its own `requestOf` made it
      return { type: 'answer', value: enrichment.encodeAnswer(given) }
    } catch (error) {
      return { type: 'failed', reason: error instanceof Error ? error.message : String(error) }
    }
  }
}
