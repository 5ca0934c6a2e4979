import { BlockList, isIP } from 'node:net'

/**
 * What is not the public internet: this host, private and shared networks, link-local (cloud metadata among it),
 * documentation, benchmarks, multicast, reserved. Source: the IANA special-purpose address registries, RFC 6890.
 */
const special4 = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  special4.addSubnet(network, prefix, 'ipv4')
// A list of its own: in Node's, the mapped block would match every IPv4 address.
const special6 = new BlockList()
// Whatever holds an IPv4 address inside (mapped, NAT64, 6to4, Teredo) could lead back in, so it is not public either.
for (const [network, prefix] of [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  special6.addSubnet(network, prefix, 'ipv6')

/** Whether `address`, an IP address as text without brackets or zone, is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special4.check(address, 'ipv4')
    case 6:
      return !address.includes('%') && !special6.check(address, 'ipv6')
    default:
      return false
  }
}
