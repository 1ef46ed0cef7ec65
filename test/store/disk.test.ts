import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startChild } from './child.ts';
import { OWN_MOUNTS } from './mount.ts';

const parent = mkdtempSync(join(tmpdir(), 'bulkhead-disk-'));

afterAll(() => {
  rmSync(parent, { recursive: true });
});

async function run(program: string, ...args: string[]): Promise<unknown> {
  const child = startChild(program, args, { through: OWN_MOUNTS });
  expect(await child.ended).toBe(0);
  return JSON.parse(child.lines.at(-1) ?? '');
}

test.each(['tmpfs', 'ext4'])(
  'a full disk (%s) fails the writes that it has no room for, and the store goes on',
  async (kind) => {
    const folder = join(parent, kind);
    mkdirSync(folder);
    const full = { code: 'disk-full', message: expect.stringMatching(/is full.*Make room/s) };
    expect(await run('./full-disk.ts', kind, folder)).toEqual({
      refusal: full,
      listedWhenFull: 1,
      together: [null, full, null, null],
      withRoom: 'stored',
      lost: [],
      unexpected: 0,
    });
  },
);

test('a folder on a disk that is mounted read-only is refused by name', async () => {
  const folder = join(parent, 'read-only');
  mkdirSync(folder);
  expect(await run('./read-only.ts', folder)).toEqual({
    existing: 'store-read-only',
    missing: 'store-read-only',
    lock: 'store-read-only',
  });
});
