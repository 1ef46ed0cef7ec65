import { describe, expect, it } from 'vitest';
import { SMALL_LIMITS } from '../../../test/fixtures/limits.ts';
import { PROFILES } from '../../sandbox/profiles.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { explain, type Ending } from './causes.ts';

const sandbox: Sandbox = {
  profile: 'standard',
  ...PROFILES.standard,
  limits: { ...SMALL_LIMITS, wallTimeMs: 90_000 },
};
const quiet: Ending = {
  exit: { exitCode: 0, endedAt: 0, stdoutBytes: 0, stderrBytes: 0, stdoutProblem: '', stderrProblem: '' },
  counters: { oomKills: 0, forksRefused: 0, diskFull: false, inodesFull: false },
  killed: undefined,
  command: 'tool',
  sandbox,
  stderr: '',
  lastWords: '',
  uid: 0,
  isStandIn: false,
  inputs: [],
};
const exit = (changes: Partial<Ending['exit']>): Ending => ({
  ...quiet,
  exit: { ...quiet.exit, ...changes },
});

describe('what an exit means', () => {
  it.each([
    "wget: bad address 'example.org'",
    'curl: (6) Could not resolve host: example.org',
    'Temporary failure resolving deb.debian.org',
    'socket.gaierror: [Errno -3] Temporary failure in name resolution',
    'connect: Network is unreachable',
  ])('%s: the task has no network, which is told where that is so', (stderr) => {
    const failed = { ...exit({ exitCode: 1 }), stderr: `${stderr}\n` };
    expect(explain(failed).causes).toEqual([
      expect.stringContaining('the task has no network (sandbox_network=none)'),
    ]);
    expect(explain({ ...failed, sandbox: { ...sandbox, network: 'open' } }).causes).toEqual([]);
    expect(explain({ ...failed, exit: exit({ exitCode: 0 }).exit }).causes).toEqual([]);
  });

  it('tells small limits as they are', () => {
    const small = { ...sandbox, limits: { ...sandbox.limits, diskBytes: 2 ** 24 } };
    const full = { ...quiet, sandbox: small, counters: { ...quiet.counters, diskFull: true } };
    expect(explain(full).causes).toEqual(["the task's disk of 0.0156 GiB is full (resources.disk_gb)"]);
  });

  it('says nothing about a command that ended by itself', () => {
    expect(explain(quiet)).toEqual({ exitCode: 0, causes: [], stderr: '' });
    expect(explain(exit({ exitCode: 3 }))).toEqual({ exitCode: 3, causes: [], stderr: '' });
  });

  it.each([
    ['No such file or directory', 127, /"tool" was not found/],
    ['Permission denied', 126, /"tool" can't be executed: Permission denied/],
    ['Exec format error', 126, /Exec format error/],
  ])('%s is %i, as in a shell', (reason, code, cause) => {
    const explained = explain({
      ...exit({ exitCode: 1 }),
      stderr: `ERROR (catatonit:6): failed to exec pid1: ${reason}\n`,
    });
    expect(explained.exitCode).toBe(code);
    expect(explained.causes).toEqual([expect.stringMatching(cause)]);
    expect(explained.stderr).toBe('');
  });

  it('is not taken in by a command that prints the same among other things', () => {
    const stderr = 'ERROR (catatonit:6): failed to exec pid1: No such file or directory\nreally\n';
    expect(explain({ ...exit({ exitCode: 1 }), stderr })).toEqual({ exitCode: 1, causes: [], stderr });
  });

  it.each([
    ['the deadline', { ...quiet, killed: 'wall-time' as const }, /wall time of 90 s/],
    ['a cancel', { ...quiet, killed: 'canceled' as const }, /canceled/],
    [
      'memory',
      { ...quiet, counters: { ...quiet.counters, oomKills: 2 } },
      /2 processes were killed at the limit of 1 GiB .*; the executor itself went on, and ended with 0$/,
    ],
    [
      'memory that its first process ran out of',
      { ...exit({ exitCode: 137 }), counters: { ...quiet.counters, oomKills: 1 } },
      /1 process was killed at the limit of 1 GiB .*, and the executor ended as by SIGKILL$/,
    ],
    [
      'too many open files',
      { ...exit({ exitCode: 1 }), stderr: 'tool: /tmp/9: Too many open files\n' },
      /may have 1024 at once \(policy\.defaults\.open_files\)/,
    ],
    [
      'too many open files in the words of musl',
      { ...exit({ exitCode: 1 }), stderr: "sh: can't open 9: No file descriptors available\n" },
      /too many open files/,
    ],
    ['a crash', exit({ exitCode: 139 }), /139, as by SIGSEGV, .*from within the task/],
    ['an abort', exit({ exitCode: 134 }), /SIGABRT/],
    [
      'a kill from within',
      exit({ exitCode: 137 }),
      /137, as by SIGKILL, which neither a limit nor the server sent/,
    ],
    [
      'processes',
      { ...quiet, counters: { ...quiet.counters, forksRefused: 9 } },
      /9 new processes were refused at the limit of 64/,
    ],
    ['a full disk', { ...quiet, counters: { ...quiet.counters, diskFull: true } }, /disk of 1 GiB is full/],
    ['too many files', { ...quiet, counters: { ...quiet.counters, inodesFull: true } }, /1000 files/],
    [
      'a disk that was full',
      { ...exit({ exitCode: 2 }), stderr: 'sort: write failed: /tmp/sort1: No space left on device\n' },
      /not full any more: the task's has 1 GiB \(resources\.disk_gb\), and room for 1000 files/,
    ],
    ['a 32-bit program', exit({ exitCode: 159 }), /SIGSYS/],
    ['a file that is too large', exit({ exitCode: 153 }), /SIGXFSZ/],
    ['much output', exit({ stdoutBytes: 5000 }), /of 5000 bytes, the first 4096/],
    [
      'an output file that could not be written',
      exit({ stderrProblem: 'No space left on device' }),
      /file for stderr is incomplete: No space/,
    ],
  ])('%s is told', (_, ending, cause) => {
    expect(explain(ending).causes).toEqual([expect.stringMatching(cause)]);
  });

  it.each([
    ['a code that stands for no signal', exit({ exitCode: 255 })],
    ['the code between', exit({ exitCode: 128 })],
    ['words about open files in a success', { ...quiet, stderr: 'Too many open files; tried again\n' }],
  ])('%s is not explained', (_, ending) => {
    expect(explain(ending).causes).toEqual([]);
  });

  it('tells a kill from outside as such, and what was met before beside it', () => {
    const killed: Ending = { ...exit({ exitCode: 137 }), killed: 'canceled' };
    expect(explain(killed).causes).toEqual(['killed because the task was canceled']);
    expect(explain({ ...killed, counters: { ...quiet.counters, oomKills: 1 } }).causes).toEqual([
      'killed because the task was canceled',
      expect.stringMatching(/1 process was killed at the limit of 1 GiB \(resources\.ram_gb\)$/),
    ]);
  });

  it('tells everything that it met, each once', () => {
    const counters = { oomKills: 1, forksRefused: 2, diskFull: true, inodesFull: true };
    const stderr = 'tool: No space left on device\n';
    const { causes } = explain({ ...exit({ exitCode: 9, stdoutBytes: 5000 }), counters, stderr });
    expect(causes).toHaveLength(5);
    expect(new Set(causes).size).toBe(5);
  });

  it('gives a hint for what the end of a long stderr tells, unless it was killed or succeeded', () => {
    const lastWords = 'chown: /x: Operation not permitted\n';
    const failed: Ending = { ...exit({ exitCode: 1 }), stderr: 'starting\n', lastWords };
    expect(explain(failed).causes).toEqual([
      expect.stringMatching(/^hint: stderr says "chown: .*root-mapped/),
    ]);
    expect(explain({ ...failed, killed: 'canceled' }).causes).toHaveLength(1);
    expect(explain({ ...failed, exit: quiet.exit }).causes).toEqual([]);
  });

  it('is 137 for whatever was killed from outside', () => {
    expect(explain({ ...exit({ exitCode: 0 }), killed: 'wall-time' }).exitCode).toBe(137);
  });
});
