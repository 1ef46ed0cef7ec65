import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataFolder } from '../../src/store/sqlite/lock.ts';
import { startChild, type Child } from './child.ts';

let folder: string;
let children: Child[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-lock-'));
  children = [];
});

afterEach(async () => {
  for (const child of children) {
    child.process.kill('SIGKILL');
    await child.ended;
  }
  rmSync(folder, { recursive: true });
});

function startHolder(of = folder, uid?: number): Child {
  const child = startChild('./lock-holder.ts', [of], uid === undefined ? {} : { uid });
  children.push(child);
  return child;
}

test('a second server is refused, and told which process has the folder', async () => {
  const holder = startHolder();
  await holder.line((line) => line === 'locked');
  expect(() => lockDataFolder(folder)).toThrow(
    expect.objectContaining({
      code: 'store-locked',
      message: expect.stringContaining(`process ${holder.process.pid}.`),
    }),
  );
  expect(await startHolder().line(() => true)).toContain(`process ${holder.process.pid}`);
});

test('the lock goes with its process, by kill -9 too, and not a moment before', async () => {
  for (let round = 0; round < 5; round += 1) {
    const holder = startHolder();
    await holder.line((line) => line === 'locked');
    expect(() => lockDataFolder(folder)).toThrow(expect.objectContaining({ code: 'store-locked' }));
    holder.process.kill('SIGKILL');
    await holder.ended;
    lockDataFolder(folder).release();
  }
});

test('of servers that start at once, one gets the folder', async () => {
  const starting = Array.from({ length: 6 }, () => startHolder());
  const first = await Promise.all(starting.map((child) => child.line(() => true)));
  expect(first.filter((line) => line === 'locked')).toHaveLength(1);
  const winner = starting[first.indexOf('locked')];
  for (const line of first.filter((other) => other !== 'locked')) {
    expect(line).toContain('store-locked');
    expect(line).toContain(`process ${winner?.process.pid}.`);
  }
});

test('it is released once, can be taken again, and makes a folder that isn’t there', () => {
  const inner = join(folder, 'a', 'b');
  const lock = lockDataFolder(inner);
  expect(() => lockDataFolder(inner)).toThrow(expect.objectContaining({ code: 'store-locked' }));
  lock.release();
  lock.release();
  const next = lockDataFolder(inner);
  expect(next.instance).toBe(lock.instance);
  next.release();
});

test('another folder is another lock', () => {
  const locks = [lockDataFolder(join(folder, 'a')), lockDataFolder(join(folder, 'b'))];
  expect(new Set(locks.map(({ instance }) => instance)).size).toBe(2);
  locks.forEach((lock) => lock.release());
});
