import { describe, expect, test } from 'vitest';
import type { AttemptRecord, TaskRecord } from '../store/store.ts';
import { taskView } from './task-view.ts';

const attempt: AttemptRecord = {
  number: 1,
  startedAt: 1_000,
  endedAt: 5_000,
  executors: [
    { index: 0, startedAt: 2_000, endedAt: 3_500, exitCode: 0, stdout: 'out', stderr: '' },
    { index: 1, startedAt: 4_000, endedAt: 4_001, exitCode: 137 },
  ],
  outputs: [{ url: 'file:///o', path: '/o', sizeBytes: 2 ** 40 }],
  systemLogs: ['a word'],
  metadata: { sandbox_grade: 'observed' },
  handle: { backend: 'oci', secret: '/run/bulkhead/x' },
};

function record(over: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id: 't',
    sequence: 7,
    owner: 'ada',
    state: 'EXECUTOR_ERROR',
    createdAt: 0,
    document: {
      inputs: [
        { path: '/i', content: 'x' },
        { path: '/d', url: 'file:///d/' },
      ],
      outputs: [
        { path: '/o', url: '/o', type: 'DIRECTORY' },
        { path: '/w/*', path_prefix: '/w', url: '/all/' },
      ],
      executors: [{ image: 'a', command: ['b'] }],
    },
    sandbox: {
      profile: 'standard',
      isolation: 'userns',
      privilege: 'root-capless',
      network: 'none',
      rootfs: 'ephemeral',
      compat: [],
      limits: {
        cpuCores: 1,
        memoryBytes: 1,
        diskBytes: 1,
        diskInodes: 1,
        pids: 1,
        openFiles: 1,
        logBytes: 1,
        wallTimeMs: null,
        queueTimeMs: null,
      },
    },
    warnings: ['a warning'],
    attempts: [attempt],
    ...over,
  };
}

test('FULL is everything that TES has, and nothing of ours', () => {
  expect(taskView(record(), 'FULL')).toEqual({
    id: 't',
    state: 'EXECUTOR_ERROR',
    creation_time: '1970-01-01T00:00:00.000Z',
    inputs: [
      { path: '/i', content: 'x', type: 'FILE' },
      { path: '/d', url: 'file:///d/', type: 'DIRECTORY' },
    ],
    outputs: [
      { path: '/o', url: '/o', type: 'DIRECTORY' },
      { path: '/w/*', path_prefix: '/w', url: '/all/', type: 'FILE' },
    ],
    executors: [{ image: 'a', command: ['b'] }],
    logs: [
      {
        start_time: '1970-01-01T00:00:01.000Z',
        end_time: '1970-01-01T00:00:05.000Z',
        logs: [
          {
            start_time: '1970-01-01T00:00:02.000Z',
            end_time: '1970-01-01T00:00:03.500Z',
            stdout: 'out',
            stderr: '',
            exit_code: 0,
          },
          { start_time: '1970-01-01T00:00:04.000Z', end_time: '1970-01-01T00:00:04.001Z', exit_code: 137 },
        ],
        metadata: { sandbox_grade: 'observed' },
        outputs: [{ url: 'file:///o', path: '/o', size_bytes: '1099511627776' }],
        system_logs: ['a word'],
      },
    ],
  });
});

test('BASIC lacks content, stdout, stderr and system logs, and only those', () => {
  const withoutThose = JSON.parse(
    JSON.stringify(taskView(record(), 'FULL'), (key, value: unknown) =>
      LEFT_OUT.has(key) ? undefined : value,
    ),
  );
  expect(taskView(record(), 'BASIC')).toEqual(withoutThose);
});
const LEFT_OUT = new Set(['content', 'stdout', 'stderr', 'system_logs']);

test('MINIMAL is id and state', () => {
  expect(taskView(record(), 'MINIMAL')).toEqual({ id: 't', state: 'EXECUTOR_ERROR' });
});

function logsOf(over: Partial<AttemptRecord>): unknown {
  return taskView(record({ attempts: [{ ...attempt, ...over }] }), 'FULL').logs?.[0]?.logs;
}

describe('executor logs', () => {
  test('an executor that runs has none', () => {
    const running = { index: 1, startedAt: 4_000, stdout: 'so far' };
    expect(
      logsOf({ executors: [{ index: 0, startedAt: 2_000, endedAt: 3_000, exitCode: 3 }, running] }),
    ).toEqual([expect.objectContaining({ exit_code: 3 })]);
  });

  test('an attempt that started no executor has none, and a task without an attempt has no log', () => {
    expect(logsOf({ executors: [] })).toEqual([]);
    expect(taskView(record({ attempts: [] }), 'FULL').logs).toEqual([]);
  });
});
