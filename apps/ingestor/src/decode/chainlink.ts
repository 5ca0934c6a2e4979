import { event, type Protocol } from './protocol.ts'

/** Chainlink's aggregators. `updatedAt` is Unix seconds on the chain and ms here, like every time of ours. */
export const chainlink: Protocol = {
  name: 'Chainlink',
  events: [
    event('chainlink-answer', 'AnswerUpdated(int256,uint256,uint256)', { topics: 3, words: 1 }, (read) => ({
      answer: read.topicInt(1),
      roundId: read.topicUint(2),
      updatedAt: read.time(0),
    })),
  ],
}
