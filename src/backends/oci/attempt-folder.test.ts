import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { attemptFolder, type AttemptFolder } from './attempt-folder.ts';

/** No executor writes to its streams here. */
const LOGS = '/nonexistent';

test('a note is what was written last', async () => {
  const { folder } = await newFolder();
  expect(folder.killed.read()).toBeUndefined();
  await folder.killed.write({ reason: 'canceled' });
  await folder.workspace.write({ root: '/r', uid: 1, gid: 2 });
  await folder.killed.write({ reason: 'wall-time' });
  expect(folder.killed.read()).toEqual({ reason: 'wall-time' });
  expect(folder.workspace.read()).toEqual({ root: '/r', uid: 1, gid: 2 });
  expect(folder.released.read()).toBeUndefined();
});

test('notes of one executor are not those of another', async () => {
  const { folder } = await newFolder();
  const exit = { exitCode: 0, startedAt: 1, endedAt: 2, causes: [], stdout: 'a\nkilled {} .\n', stderr: '' };
  await folder.exited(10).write(exit);
  expect(folder.exited(1).read()).toBeUndefined();
  expect(folder.exited(10).read()).toEqual(exit);
  expect(folder.killed.read()).toBeUndefined();
});

test('what was cut short is no note, and spoils no other', async () => {
  const { folder: before, path } = await newFolder();
  await before.killed.write({ reason: 'canceled' });
  await appendFile(join(path, 'notes'), '\nkilled {"reason":"wall-');
  const folder = attemptFolder(path, LOGS);
  expect(folder.killed.read()).toEqual({ reason: 'canceled' });
  await folder.released.write({});
  for (const each of [folder, attemptFolder(path, LOGS)]) {
    expect(each.killed.read()).toEqual({ reason: 'canceled' });
    expect(each.released.read()).toEqual({});
  }
});

test('the next process finds what this one wrote', async () => {
  const { folder, path } = await newFolder();
  await folder.killed.write({ reason: 'canceled' });
  expect(attemptFolder(path, LOGS).killed.read()).toEqual({ reason: 'canceled' });
});

async function newFolder(): Promise<{ folder: AttemptFolder; path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'attempt-folder-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return { folder: attemptFolder(path, LOGS), path };
}
