import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

const transfer = (read: AbiReader) => ({ previousOwner: read.topicAddress(1), newOwner: read.topicAddress(2) })
const role = (read: AbiReader) => ({
  role: read.topicHash(1),
  account: read.topicAddress(2),
  sender: read.topicAddress(3),
})

/** OpenZeppelin's access: Ownable, AccessControl, Pausable. */
export const ownership: Protocol = {
  name: 'OpenZeppelin access',
  events: [
    event('ownership-transferred', 'OwnershipTransferred(address,address)', { topics: 3, words: 0 }, transfer),
    // Some index nothing.
    event('ownership-transferred', 'OwnershipTransferred(address,address)', { topics: 1, words: 2 }, (read) => ({
      previousOwner: read.address(0),
      newOwner: read.address(1),
    })),
    event('ownership-transfer-started', 'OwnershipTransferStarted(address,address)', { topics: 3, words: 0 }, transfer),
    event('role-granted', 'RoleGranted(bytes32,address,address)', { topics: 4, words: 0 }, role),
    event('role-revoked', 'RoleRevoked(bytes32,address,address)', { topics: 4, words: 0 }, role),
    event('role-admin-changed', 'RoleAdminChanged(bytes32,bytes32,bytes32)', { topics: 4, words: 0 }, (read) => ({
      role: read.topicHash(1),
      previousAdminRole: read.topicHash(2),
      newAdminRole: read.topicHash(3),
    })),
    event('paused', 'Paused(address)', { topics: 1, words: 1 }, (read) => ({ by: read.address(0) })),
    event('unpaused', 'Unpaused(address)', { topics: 1, words: 1 }, (read) => ({ by: read.address(0) })),
    event('paused', 'Pause()', { topics: 1, words: 0 }, () => ({ by: null })),
    event('unpaused', 'Unpause()', { topics: 1, words: 0 }, () => ({ by: null })),
  ],
  calls: [
    call('transfer-ownership', 'transferOwnership(address)', (read) => ({ newOwner: read.address(0) })),
    call('accept-ownership', 'acceptOwnership()', () => ({})),
    call('renounce-ownership', 'renounceOwnership()', () => ({})),
    call('grant-role', 'grantRole(bytes32,address)', (read) => ({ role: read.hash(0), account: read.address(1) })),
    call('revoke-role', 'revokeRole(bytes32,address)', (read) => ({ role: read.hash(0), account: read.address(1) })),
    // One's own role, which is named to be sure.
    call('revoke-role', 'renounceRole(bytes32,address)', (read) => ({ role: read.hash(0), account: read.address(1) })),
    call('pause', 'pause()', () => ({})),
    call('unpause', 'unpause()', () => ({})),
  ],
}
