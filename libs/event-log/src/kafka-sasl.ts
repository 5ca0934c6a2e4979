import type { SASLOptions } from 'kafkajs'

/** Who this process is to the brokers. Mechanisms as Kafka's `sasl.mechanism` has them, in lower case. */
export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'oauthbearer'
      /** Called for each connection and again before a session ends; answers a token that is still good. */
      readonly token: () => Promise<string>
    }

/** As kafkajs has it. A new object for each log: kafkajs keeps the authenticator that it makes of it inside. */
export function saslOptions(sasl: KafkaSasl): SASLOptions {
  switch (sasl.mechanism) {
    case 'oauthbearer':
      return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) }
    case 'plain':
      return { mechanism: 'plain', username: sasl.username, password: sasl.password }
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', username: sasl.username, password: sasl.password }
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', username: sasl.username, password: sasl.password }
  }
}
