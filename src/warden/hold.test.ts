import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { until } from '../../test/poll.ts';
import { startHand, type Hand } from './hand.ts';
import { hold } from './steps.ts';

let hand: Hand;

beforeAll(() => {
  hand = startHand();
});
afterAll(async () => {
  await hand.close();
});

test('whoever goes through the gate is stopped before what it executes has done anything, and goes on when it may', async () => {
  const { process: waiting, pid, fifo, ended } = await atGate('exec /bin/echo ran');
  let output = '';
  waiting.stdout.on('data', (bytes: Buffer) => (output += bytes.toString('utf8')));
  await hand.run('holding', [hold(pid, start(pid), fifo)]);
  expect(state(pid)).toBe('T');
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toBe('/bin/echo\0ran\0');
  // It has no time of its own yet.
  expect(fields(pid).slice(11, 13)).toEqual(['0', '0']);
  expect(output).toBe('');
  process.kill(pid, 'SIGCONT');
  expect(await ended).toEqual([0, null]);
  expect(output).toBe('ran\n');
});

test('one that ends instead of executing anything is told', async () => {
  const { pid, fifo, ended } = await atGate('exit 3');
  await expect(hand.run('holding', [hold(pid, start(pid), fifo)])).rejects.toMatchObject({
    code: 'warden',
    message: expect.stringContaining('ended before its first instruction'),
  });
  expect(await ended).toEqual([3, null]);
});

test('another process of the same id is left alone', async () => {
  const { process: waiting, pid, fifo } = await atGate('exec /bin/echo ran');
  await expect(hand.run('holding', [hold(pid, start(pid) + 1, fifo)])).rejects.toMatchObject({
    code: 'warden',
  });
  expect(state(pid)).toBe('S');
  waiting.kill('SIGKILL');
});

test('whoever is killed while it holds takes the process with it; nobody else can hold it meanwhile', async () => {
  const { pid, fifo, ended } = await atGate('read -r more < "$0"; exec /bin/echo ran');
  const holding = hand.run('holding', [hold(pid, start(pid), fifo)]);
  holding.catch(() => {});
  await until(() => tracer(pid) > 0, { what: 'it to be held' });
  await expect(hand.run('holding', [hold(pid, start(pid), fifo)])).rejects.toMatchObject({
    message: expect.stringMatching(/ptrace .* Operation not permitted/),
  });
  process.kill(tracer(pid), 'SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
  await expect(holding).rejects.toMatchObject({ message: expect.stringContaining('signal 9') });
});

/** Waits for a byte as a first process of crun does, and then runs `script`. */
async function atGate(script: string): Promise<{
  process: ReturnType<typeof spawnShell>;
  pid: number;
  fifo: string;
  ended: Promise<unknown[]>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'hold-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const fifo = join(folder, 'exec.fifo');
  execFileSync('/usr/bin/mkfifo', [fifo]);
  const shell = spawnShell(`read -r byte < "$0"; ${script}`, fifo);
  const pid = shell.pid ?? 0;
  const ended = once(shell, 'exit');
  // Until it has opened the FIFO nobody can write to it.
  await until(() => state(pid) === 'S', { what: 'the process to wait' });
  return { process: shell, pid, fifo, ended };
}

function spawnShell(script: string, argument: string) {
  return spawn('/bin/sh', ['-c', script, argument], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
}

/** Of proc_pid_stat(5), from the state on. */
function fields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function state(pid: number): string | undefined {
  return fields(pid)[0];
}

function start(pid: number): number {
  return Number(fields(pid)[19]);
}

function tracer(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
