import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { described, deviceName, parseMountinfo } from './mountinfo.ts';

test('a line of mountinfo is read, with optional fields or none, and with what is escaped', () => {
  const text = [
    '85 51 0:39 / / rw,nosuid,nodev,relatime - overlay overlay rw,lowerdir=a,upperdir=b',
    String.raw`103 85 7:4 /t/ws/my\040files /my\040files ro,nosuid,nodev shared:7 master:1 - ext4 /dev/loop4 rw`,
    '',
  ].join('\n');
  expect(parseMountinfo(text)).toEqual([
    {
      device: '0:39',
      root: '/',
      target: '/',
      options: ['rw', 'nosuid', 'nodev', 'relatime'],
      type: 'overlay',
    },
    {
      device: '7:4',
      root: '/t/ws/my files',
      target: '/my files',
      options: ['ro', 'nosuid', 'nodev'],
      type: 'ext4',
    },
  ]);
  expect(parseMountinfo(text).map(described)).toEqual(['overlay rw nodev nosuid', 'ext4 ro nodev nosuid']);
});

test.each([
  [0x0000_0701, '7:1'],
  [0x0000_0027, '0:39'],
  // A minor number of more than eight bits, and a major of more than twelve.
  [0x0010_0827, '8:295'],
  [2 ** 44 + 0x100, '4097:0'],
])('device %i is %s', (dev, name) => {
  expect(deviceName(dev)).toBe(name);
});

test('a folder is on the device that mountinfo says', async () => {
  const mounts = parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
  const proc = mounts.findLast(({ target }) => target === '/proc');
  expect(proc?.device).toBe(deviceName(statSync('/proc').dev));
});
