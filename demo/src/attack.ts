import { account } from './cast.ts'
import type { Account, Call } from './chain.ts'
import type { Market } from './market.ts'

/** What a step of an attack may use: the market, and actors of its own whom nobody has seen before. */
export interface Scene {
  readonly market: Market
  /** An account of this incident alone. */
  readonly actor: (role: string) => Account
}

/** One block's part of an attack. `after` counts blocks from the attack's first. */
export interface Step {
  readonly after: number
  readonly calls: (scene: Scene) => readonly Call[]
}

/** A fraud to be staged: which detector it is for, what happens, and its steps in order. */
export interface Attack {
  /** The detector that is to find it. */
  readonly detector: string
  /** One line for the person who started the demo. */
  readonly story: string
  readonly steps: readonly Step[]
  /** The last block of the attack is taken back by a reorg so many blocks later. */
  readonly takenBackAfter?: number
}

/** The scene of the attack that begins at block `start`: the same block has the same actors, also after a restart. */
export function sceneOf(market: Market, attack: Attack, start: number): Scene {
  return { market, actor: (role) => account(market.seed, `${attack.detector}/${start}/${role}`) }
}
