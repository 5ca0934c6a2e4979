import type { KafkaConfig } from 'kafkajs'
import { LogUnauthenticatedError } from './errors.ts'
import { worksAround } from './kafka-workarounds.ts'

type Sasl = NonNullable<KafkaConfig['sasl']>

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
export function saslOptions(sasl: KafkaSasl): Sasl {
  switch (sasl.mechanism) {
    case 'oauthbearer':
      return worksAround('token-refusal')
        ? oauthBearer(sasl.token)
        : { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) }
    case 'plain':
      return { mechanism: 'plain', username: sasl.username, password: sasl.password }
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', username: sasl.username, password: sasl.password }
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', username: sasl.username, password: sasl.password }
  }
}

/**
 * A broker answers a token that it does not take with the reason, and kafkajs takes any answer for a yes: what follows
 * then fails with words that have nothing to do with it. Source: RFC 7628 §3.2; messages begin with their length.
 */
function oauthBearer(token: () => Promise<string>): Sasl {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ host, port, saslAuthenticate }) => ({
      async authenticate() {
        const message = Buffer.from(`n,,\u0001auth=Bearer ${await token()}\u0001\u0001`)
        const length = Buffer.alloc(4)
        length.writeInt32BE(message.length)
        const request = { encode: () => Buffer.concat([length, message]) }
        const response = {
          decode: (answer: Buffer) => answer.subarray(4),
          parse: (reason: Buffer) => reason.toString(),
        }
        const reason = await saslAuthenticate({ request, response })
        if (reason) throw new LogUnauthenticatedError(`${host}:${port} refuses the token: ${reason}`)
      },
    }),
  }
}
