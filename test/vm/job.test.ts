import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { jobDisk, outcome, statusLine, type Job } from '../../scripts/vm/job.ts';
import { says } from '../../scripts/vm/trial.ts';

const JOB: Job = {
  command: ['printf', '%s', 'two words', ''],
  user: 'tester',
  cores: 1,
  memoryMiB: 64,
  timeoutMs: 1000,
  onStdout: () => {},
  onStderr: () => {},
};

describe('the job of a virtual machine', () => {
  test('is a disk of whole sectors, whose fields end with NUL', () => {
    const disk = jobDisk(JOB);
    expect(disk.length % 512).toBe(0);
    expect(disk.toString().split('\0').slice(0, 6)).toEqual(['tester', '4', 'printf', '%s', 'two words', '']);
    expect(() => jobDisk({ ...JOB, command: ['a\0b'] })).toThrow('NUL');
  });

  test('ends with the code on its status line, once the line is whole, and the machine with it', async () => {
    const status = statusLine();
    status.onData(Buffer.from('4'));
    expect(status.code()).toBeUndefined();
    const child = spawn('/bin/sleep', ['600']);
    const running = outcome({ kind: 'none', child, status, console: said, closed: async () => {} }, 60_000);
    status.onData(Buffer.from('2\n'));
    expect(await running).toBe(42);
    expect(child.signalCode).toBe('SIGKILL');
  });

  test('fails with the end of the console where the machine says no code in time, or ends', async () => {
    for (const seconds of ['600', '0']) {
      const child = spawn('/bin/sleep', [seconds]);
      const machine = { kind: 'slow', child, status: statusLine(), console: said, closed: async () => {} };
      await expect(outcome(machine, 200)).rejects.toThrow(
        /machine \(slow\) gave no exit code.*\nlast words/s,
      );
    }
  });
});

test('a trial is a success by the word alone, and ends what it tried', async () => {
  expect(await says('ready', '/bin/sh', ['-c', 'echo ready; exec sleep 600'], 60_000)).toBe(true);
  expect(await says('ready', '/bin/sh', ['-c', 'echo other'], 60_000)).toBe(false);
  expect(await says('ready', '/nowhere/program', [], 60_000)).toBe(false);
});

async function said(): Promise<string> {
  return Promise.resolve('first words\nlast words\n');
}
