import { emitted, type Protocol } from './protocol.ts'

/** The last second whose milliseconds are a safe integer: later ones are no time. */
const lastSecond = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

/** Chainlink's aggregators. `updatedAt` is Unix seconds on the chain and ms here, like every time of ours. */
export const chainlink: Protocol = {
  name: 'Chainlink',
  events: [
    {
      signature: 'AnswerUpdated(int256,uint256,uint256)',
      topics: 3,
      words: 1,
      decode: (read, log) => ({
        type: 'chainlink-answer',
        ...emitted(log),
        answer: read.topicInt(1),
        roundId: read.topicUint(2),
        updatedAt: read.number(0, lastSecond) * 1000,
      }),
    },
  ],
}
