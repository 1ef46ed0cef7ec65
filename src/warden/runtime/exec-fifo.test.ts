import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { unblock } from './exec-fifo.ts';

test('whoever waits at the gate goes on, and the gate is gone', async () => {
  const fifo = await newFifo();
  const waiting = spawn('/bin/sh', ['-c', 'printf 0 > "$0"', fifo]);
  const ended = new Promise((resolve) => waiting.once('exit', resolve));
  await unblock(fifo, 5_000);
  expect(await ended).toBe(0);
  expect(existsSync(fifo)).toBe(false);
});

test('a process that left the gate without a word is gone', async () => {
  const fifo = await newFifo();
  spawn('/bin/sh', ['-c', ': > "$0"', fifo]);
  await expect(unblock(fifo, 5_000)).rejects.toMatchObject({
    code: 'warden',
    message: expect.stringContaining('is gone'),
  });
});

test('nobody at the gate is noticed in time', async () => {
  await expect(unblock(await newFifo(), 20)).rejects.toMatchObject({
    code: 'warden',
    message: expect.stringContaining('20 ms'),
  });
});

test('no gate at all is an error', async () => {
  await expect(unblock('/nonexistent/exec.fifo', 20)).rejects.toMatchObject({ code: 'warden' });
});

async function newFifo(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'exec-fifo-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const fifo = join(folder, 'exec.fifo');
  execFileSync('/usr/bin/mkfifo', [fifo]);
  return fifo;
}
