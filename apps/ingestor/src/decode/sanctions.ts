import { event, type Protocol } from './protocol.ts'

/** Chainalysis' sanctions oracle. */
export const sanctions: Protocol = {
  name: 'Sanctions oracle',
  events: (
    [
      ['SanctionedAddressesAdded(address[])', true],
      ['SanctionedAddressesRemoved(address[])', false],
    ] as const
  ).map(([signature, listed]) =>
    event('sanctions-list', signature, { topics: 1, words: null }, (read) => ({ accounts: read.addresses(0), listed })),
  ),
}
