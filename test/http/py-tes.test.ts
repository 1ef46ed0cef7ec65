import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttemptRecord } from '../../src/store/store.ts';
import { startRig } from './rig.ts';
import type { Rig } from './rig.ts';

/** Pinned: a judge that changes on its own is none. */
const PY_TES = 'py-tes==1.1.4';
const run = promisify(execFile);

const folder = await mkdtemp(join(tmpdir(), 'bulkhead-py-tes-'));
const missing = await install();
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(missing !== undefined)(
  `py-tes${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await startRig();
    });
    afterAll(() => rig.close());

    test('creates, gets in each view, lists, reads logs, cancels, and knows every field', async () => {
      const ran = await taskThatRan(rig);
      const { stdout } = await run(join(folder, 'bin/python'), [
        join(import.meta.dirname, 'py-tes.py'),
        rig.address,
        ran,
      ]);
      expect(stdout).toBe('done\n');
    });
  },
);

/** A virtual environment with py-tes; answers what stands in the way where there can be none. */
async function install(): Promise<string | undefined> {
  try {
    await run('python3', ['-m', 'venv', folder]);
    const options = [
      '--quiet',
      '--disable-pip-version-check',
      '--no-cache-dir',
      '--timeout=10',
      '--retries=1',
    ];
    await run(join(folder, 'bin/pip'), ['install', ...options, PY_TES], { timeout: 120_000 });
    return undefined;
  } catch (error) {
    return error instanceof Error
      ? (error.message.split('\n').findLast((line) => line !== '') ?? error.name)
      : String(error);
  }
}

async function taskThatRan(rig: Rig): Promise<string> {
  const id = await rig.create();
  const attempt: AttemptRecord = {
    number: 1,
    startedAt: Date.now(),
    endedAt: Date.now(),
    executors: [
      { index: 0, startedAt: Date.now(), endedAt: Date.now(), exitCode: 0, stdout: 'out', stderr: 'err' },
      { index: 1, startedAt: Date.now(), endedAt: Date.now(), exitCode: 137 },
    ],
    outputs: [{ url: 'file:///data/out/sum', path: '/out/sum', sizeBytes: 5 }],
    systemLogs: ['a word'],
    metadata: { sandbox_profile: 'standard' },
  };
  await rig.store.transition({ id, from: 'QUEUED', to: 'INITIALIZING', at: Date.now(), attempt });
  await rig.store.transition({ id, from: 'INITIALIZING', to: 'EXECUTOR_ERROR', at: Date.now() });
  return id;
}
