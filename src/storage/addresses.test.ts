import { describe, expect, test } from 'vitest';
import { addressProblem, parseAllowed } from './addresses.ts';

const target = { host: 'h.example', port: 443 };
const nothing = parseAllowed([]);

describe('an address that is not public is refused', () => {
  test.each([
    ['0.0.0.0', 'this network'],
    ['10.0.0.1', 'private'],
    ['10.255.255.255', 'private'],
    ['100.64.0.1', 'carrier-grade NAT'],
    ['100.100.100.200', 'carrier-grade NAT'],
    ['100.127.255.255', 'carrier-grade NAT'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'metadata'],
    ['169.254.169.254', 'link-local'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.192', 'special-purpose'],
    ['192.0.2.1', 'documentation'],
    ['192.168.1.1', 'private'],
    ['198.19.255.255', 'benchmarking'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'reserved'],
    ['::', 'special-purpose'],
    ['::1', 'loopback'],
    ['::7f00:1', 'loopback'],
    ['::127.0.0.1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['0:0:0:0:0:ffff:a9fe:a9fe', 'link-local'],
    ['64:ff9b::10.0.0.1', 'private'],
    ['64:ff9b::a9fe:a9fe', 'link-local'],
    ['64:ff9b:1::8.8.8.8', 'special-purpose'],
    ['2002:7f00:1::', 'loopback'],
    ['2002:c0a8:101::1', 'private'],
    ['fe80::1', 'link-local'],
    ['fe80::1%lo', 'link-local'],
    ['fc00::1', 'private'],
    ['fd00:ec2::254', 'private'],
    ['fec0::1', 'special-purpose'],
    ['ff02::1', 'multicast'],
    ['2001::1', 'special-purpose'],
    ['2001:db8::1', 'documentation'],
    ['3fff::1', 'documentation'],
    ['4000::1', 'special-purpose'],
    ['no address', 'no address'],
  ])('%s (%s)', (address, name) => {
    expect(addressProblem(address, target, nothing)).toContain(name);
  });
});

test.each([
  '8.8.8.8',
  '1.1.1.1',
  '11.0.0.1',
  '100.63.255.255',
  '100.128.0.1',
  '126.255.255.255',
  '128.0.0.1',
  '172.15.255.255',
  '172.32.0.1',
  '192.167.0.1',
  '223.255.255.255',
  '168.63.129.17',
  '2606:4700::1111',
  '2a00::1',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
  '2002:808:808::1',
])('%s is public', (address) => {
  expect(addressProblem(address, target, nothing)).toBeUndefined();
});

describe('what the site allows may be reached', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['10.1.0.0/16', '10.1.2.3', true],
    ['10.1.0.0/16', '10.2.2.3', false],
    ['10.1.0.0/16', '::ffff:10.1.2.3', true],
    ['::1', '::1', true],
    ['[fd00::]/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['h.example:443', '127.0.0.1', true],
    ['H.Example:443', '127.0.0.1', true],
    ['h.example:80', '127.0.0.1', false],
    ['other.example:443', '127.0.0.1', false],
    ['0.0.0.0/0', '192.168.0.1', true],
  ])('by %s, %s: %s', (entry, address, isAllowed) => {
    expect(addressProblem(address, target, parseAllowed([entry])) === undefined).toBe(isAllowed);
  });

  test('an address with its port means that port alone', () => {
    const allowed = parseAllowed(['127.0.0.1:8080', '[::1]:8080']);
    expect(addressProblem('127.0.0.1', { host: '127.0.0.1', port: 8080 }, allowed)).toBeUndefined();
    expect(addressProblem('::1', { host: '::1', port: 8080 }, allowed)).toBeUndefined();
    expect(addressProblem('127.0.0.1', { host: '127.0.0.1', port: 81 }, allowed)).toContain('loopback');
  });

  test.each(['', 'h.example', 'h.example:0', 'h.example:99999', '10.0.0.0/33', 'h.example/8', '::1/129'])(
    '%j is refused at start',
    (entry) => {
      expect(() => parseAllowed([entry])).toThrow(expect.objectContaining({ code: 'config' }));
    },
  );
});
