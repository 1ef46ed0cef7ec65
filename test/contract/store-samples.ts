/** Tasks and attempts for tests of a store; every field that a store keeps is set somewhere here. */
import { randomUUID } from 'node:crypto';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import type { AttemptRecord, NewTask, Store } from '../../src/store/store.ts';
import type { TesState } from '../../src/tes/states.ts';

export const SANDBOX: Sandbox = {
  profile: 'standard',
  isolation: 'userns',
  privilege: 'root-capless',
  network: 'none',
  rootfs: 'ephemeral',
  compat: [],
  limits: {
    cpuCores: 0.5,
    memoryBytes: 2 ** 31,
    diskBytes: 10 * 2 ** 30,
    diskInodes: 100_000,
    pids: 512,
    openFiles: 4096,
    logBytes: 2 ** 20,
    wallTimeMs: null,
    queueTimeMs: 3_600_000,
  },
};

export function newTask(overrides: Partial<NewTask> = {}): NewTask {
  return {
    id: randomUUID(),
    owner: 'alice',
    createdAt: 1_700_000_000_000,
    document: { name: 'align', executors: [{ image: 'alpine', command: ['true'] }] },
    sandbox: SANDBOX,
    warnings: [],
    ...overrides,
  };
}

/** Strings that a store may get wrong: a NUL, half of a surrogate pair, SQL, and a key with a meaning in JavaScript. */
const AWKWARD = ['a\0b', '\ud83d', '\ude00 x', "'; DROP TABLE tasks; --", '😀 é é', '%_*[a]?', '"\\\n'];

export function fullTask(overrides: Partial<NewTask> = {}): NewTask {
  const env: Record<string, string> = JSON.parse('{"__proto__": "own", "constructor": "own"}');
  return newTask({
    document: {
      name: AWKWARD.join(' '),
      description: 'every field',
      inputs: [
        { path: '/in/a', content: AWKWARD.join(' '), type: 'FILE' },
        { path: '/in/b', url: 'file:///data/b', type: 'DIRECTORY', name: 'b', streamable: false },
        { path: '/in/c', content: '' },
      ],
      outputs: [{ path: '/out/*', url: 'file:///data/out', path_prefix: '/out', type: 'FILE' }],
      resources: { cpu_cores: 0.5, ram_gb: 1.25, zones: [], backend_parameters: { sandbox_pids: '9' } },
      executors: [{ image: 'alpine', command: ['sh', '-c', ...AWKWARD], env, ignore_error: true }],
      volumes: ['/shared'],
      tags: { project: 'p1', empty: '', ...env },
    },
    warnings: ['one', 'two'],
    ...overrides,
  });
}

export function fullAttempt(overrides: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    number: 1,
    startedAt: 1_700_000_001_000,
    endedAt: 1_700_000_009_000,
    executors: [
      {
        index: 0,
        startedAt: 1_700_000_002_000,
        endedAt: 1_700_000_003_000,
        exitCode: 137,
        stdout: AWKWARD.join('\n'),
        stderr: '',
        evidence: {
          grade: 'observed',
          configSha256: 'ab'.repeat(32),
          imageDigest: `sha256:${'cd'.repeat(32)}`,
          runtime: 'runc 1.1.5',
          observed: { NoNewPrivs: '1' },
          unenforced: [],
        },
      },
      { index: 1, startedAt: 1_700_000_004_000 },
    ],
    outputs: [{ url: 'file:///data/out', path: '/out/a', sizeBytes: 2 ** 40 + 1 }],
    systemLogs: ['pulled', AWKWARD.join(' ')],
    metadata: { sandbox_profile: 'standard' },
    handle: { backend: 'oci', nested: { list: [1, null, 'x'] } },
    ...overrides,
  };
}

/** A way from QUEUED to each state that a task can be in. */
export const WAYS: Readonly<Partial<Record<TesState, readonly TesState[]>>> = {
  QUEUED: [],
  INITIALIZING: ['INITIALIZING'],
  RUNNING: ['INITIALIZING', 'RUNNING'],
  COMPLETE: ['INITIALIZING', 'RUNNING', 'COMPLETE'],
  EXECUTOR_ERROR: ['INITIALIZING', 'EXECUTOR_ERROR'],
  SYSTEM_ERROR: ['SYSTEM_ERROR'],
  CANCELED: ['CANCELED'],
  CANCELING: ['INITIALIZING', 'CANCELING'],
};

/** Creates a task and brings it into a state. */
export async function taskIn(state: TesState, store: Store, task: NewTask = newTask()): Promise<NewTask> {
  await store.create(task);
  let from: TesState = 'QUEUED';
  for (const to of WAYS[state] ?? []) {
    await store.transition({ id: task.id, from, to, at: task.createdAt + 1 });
    from = to;
  }
  return task;
}
