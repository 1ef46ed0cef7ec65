import { BlockList, isIP } from 'node:net';
import { BulkheadError } from '../errors.ts';

/** Addresses that the site allows although they are not public. */
export interface AllowedAddresses {
  readonly ranges: BlockList;
  /** `host:port`, in lower case: whatever the name resolves to. */
  readonly hosts: ReadonlySet<string>;
}

/** From `host:port`, an address, or a range as CIDR. Throws `config` for anything else. */
export function parseAllowed(entries: readonly string[]): AllowedAddresses {
  const ranges = new BlockList();
  const hosts = new Set<string>();
  for (const entry of entries) {
    const [, network = '', bits] = /^\[?([^\]/]+)\]?(?:\/([0-9]{1,3}))?$/.exec(entry) ?? [];
    const family = familyOf(network);
    const port = Number(/:([0-9]{1,5})$/.exec(entry)?.[1]);
    if (family !== undefined) {
      const width = family === 'ipv4' ? 32 : 128;
      if (Number(bits ?? width) > width) throw badEntry(entry);
      ranges.addSubnet(network, Number(bits ?? width), family);
    } else if (bits === undefined && port > 0 && port < 65_536) {
      hosts.add(hostKey(entry.slice(0, entry.lastIndexOf(':')), port));
    } else {
      throw badEntry(entry);
    }
  }
  return { ranges, hosts };
}

/**
 * Why an address that a host was resolved to must not be connected to, or undefined where it may be. IPv6 forms that
 * carry an IPv4 address (mapped, compatible, NAT64, 6to4) are judged by that one too.
 */
export function addressProblem(
  address: string,
  target: { readonly host: string; readonly port: number },
  allowed: AllowedAddresses,
): string | undefined {
  if (allowed.hosts.has(hostKey(target.host, target.port))) return undefined;
  const bare = address.replace(/%.*$/, '');
  const family = familyOf(bare);
  if (family === undefined) return 'is no address';
  if (allowed.ranges.check(bare, family)) return undefined;
  if (family === 'ipv4') return ipv4Problem(bare);
  const words = ipv6Words(bare);
  const carried = carriedIpv4(words);
  if (carried !== undefined) {
    return allowed.ranges.check(carried, 'ipv4') ? undefined : ipv4Problem(carried);
  }
  return ipv6Problem(bare, words[0] ?? 0);
}

/**
 * What isn't globally reachable, or is a cloud's own. Source: IANA IPv4 special-purpose address registry; Azure's
 * 168.63.129.16 is documented as its host's agent, others' metadata stand in the ranges of link-local and
 * carrier-grade NAT.
 */
const IPV4_RANGES = [
  ['0.0.0.0', 8, 'this network'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'carrier-grade NAT'],
  ['127.0.0.0', 8, 'loopback'],
  ['168.63.129.16', 32, "a cloud's metadata"],
  ['169.254.0.0', 16, 'link-local'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'special-purpose'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, '6to4 relay'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'benchmarking'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'],
] as const;

/** Within 2000::/3, outside of which nothing is globally reachable. Source: IANA IPv6 special-purpose address registry. */
const IPV6_RANGES = [
  ['2001::', 23, 'special-purpose'],
  ['2001:db8::', 32, 'documentation'],
  ['3fff::', 20, 'documentation'],
] as const;

const IPV4_LISTS = IPV4_RANGES.map(([network, bits, name]) => ({
  name,
  list: listOf(network, bits, 'ipv4'),
}));
const IPV6_LISTS = IPV6_RANGES.map(([network, bits, name]) => ({
  name,
  list: listOf(network, bits, 'ipv6'),
}));

function listOf(network: string, bits: number, family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return list;
}

function ipv4Problem(address: string): string | undefined {
  const found = IPV4_LISTS.find(({ list }) => list.check(address, 'ipv4'));
  return found === undefined ? undefined : `is not public (${found.name})`;
}

function ipv6Problem(address: string, first: number): string | undefined {
  if (first >> 13 !== 1) return `is not public (${outsideName(address, first)})`;
  const found = IPV6_LISTS.find(({ list }) => list.check(address, 'ipv6'));
  return found === undefined ? undefined : `is not public (${found.name})`;
}

function outsideName(address: string, first: number): string {
  if (address === '::1') return 'loopback';
  if (first >> 8 === 0xff) return 'multicast';
  if (first >> 6 === 0xfe80 >> 6) return 'link-local';
  return first >> 9 === 0xfc00 >> 9 ? 'private' : 'special-purpose';
}

/** The IPv4 address within `::a.b.c.d`, `::ffff:a.b.c.d`, `64:ff9b::a.b.c.d` and `2002:ab:cd::`. */
function carriedIpv4(words: readonly number[]): string | undefined {
  const starts = (...start: number[]): boolean => start.every((word, at) => words[at] === word);
  if (starts(0x2002)) return dotted(words[1], words[2]);
  const isLoopbackOrAny = starts(0, 0, 0, 0, 0, 0, 0) && (words[7] ?? 0) <= 1;
  const carries =
    starts(0, 0, 0, 0, 0, 0xffff) || starts(0x64, 0xff9b, 0, 0, 0, 0) || starts(0, 0, 0, 0, 0, 0);
  return carries && !isLoopbackOrAny ? dotted(words[6], words[7]) : undefined;
}

function dotted(high = 0, low = 0): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** Eight words of 16 bits, of an address that is known to be one. */
function ipv6Words(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const before = wordsOf(head);
  if (tail === undefined) return before;
  const after = wordsOf(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function wordsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((word) => {
    if (!word.includes('.')) return [Number.parseInt(word, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}

function hostKey(host: string, port: number): string {
  return `${host.replace(/^\[|\]$/g, '').toLowerCase()}:${port}`;
}

function badEntry(entry: string): BulkheadError {
  return new BulkheadError(
    'config',
    `storage.http.allow_private: ${entry} is neither host:port, an address, nor a range such as 10.0.0.0/8`,
  );
}
