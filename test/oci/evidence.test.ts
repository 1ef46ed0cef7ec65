/** A runtime that forgets a control: what is read back before the first instruction tells its name, and nothing runs. */
import { rmdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cgroupFolders, cgroupVersion } from '../../src/warden/cgroups.ts';
import { tracesOfServer } from '../e2e/traces.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { startServer } from '../fixtures/server.ts';
import { openInstance, type Instance } from './instance.ts';
import { runJob } from './run.ts';
import { exits, sh, told } from './tasks.ts';
import { writeWeakRuntime } from './weak-program.ts';
import { OTHER_CGROUP, WEAKNESSES } from './weaknesses.ts';

let own: TemporaryFolder;
let instance: Instance;

beforeAll(async () => {
  own = await temporaryFolder();
  instance = await openInstance(undefined, await writeWeakRuntime(own));
});
afterAll(async () => {
  expect(await instance.close()).toEqual([]);
  for (const path of cgroupFolders(cgroupVersion(), OTHER_CGROUP)) await rmdir(path);
  await own[Symbol.asyncDispose]();
});

test('a runtime that forgets nothing is believed', async () => {
  await choose('');
  const done = await runJob(instance, {
    image: 'box:latest',
    command: ['echo', 'ran'],
    // The last has the path on the task's disk of the one before at its end.
    volumes: ['/shared', '/a', '/b/t/ws/a'],
  });
  expect(done).toMatchObject({ exitCode: 0, stdout: 'ran\n' });
});

describe('nothing of the task runs where', () => {
  for (const { name, told: controls, job } of WEAKNESSES) {
    test(name, async () => {
      await choose(name);
      const running = runJob(instance, { image: 'box:latest', command: ['echo', 'ran'], ...job });
      const error: unknown = await running.then(
        ({ stdout }) => `it printed ${stdout}`,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: 'evidence' });
      for (const control of controls) expect(String(error)).toContain(control);
    });
  }
});

test('on a server such a task ends as SYSTEM_ERROR with the control’s name, and nothing of it stays', async () => {
  const server = await startServer({ backend: { runtime: own.at('weak-runtime') } });
  try {
    const document = { executors: [sh(['sh', '-c', 'echo ran'])] };
    await choose('the system call filter is dropped');
    const weak = await server.run(document);
    expect({ state: weak.state, exits: exits(weak) }).toEqual({ state: 'SYSTEM_ERROR', exits: [] });
    expect(told(weak)).toContain('seccomp is 0, not 2');
    await choose('');
    const task = await server.run(document);
    expect({ state: task.state, exits: exits(task) }).toEqual({ state: 'COMPLETE', exits: [0] });
    const answer = await server.request(`/bulkhead/v1/tasks/${task.id}/sandbox`);
    const evidence = { grade: 'observed', unenforced: [], observed: { seccomp: '2', mount_others: 'none' } };
    expect(JSON.parse(await answer.text())).toMatchObject({ attempts: [{ executors: [{ evidence }] }] });
  } finally {
    await choose('');
    await server.stop();
  }
  expect(await tracesOfServer(server)).toEqual([]);
});

async function choose(name: string): Promise<void> {
  await writeFile(own.at('weakness'), name);
}
