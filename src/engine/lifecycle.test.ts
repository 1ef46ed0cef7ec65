import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig, RigOptions } from '../../test/doubles/engine-rig.ts';
import { until } from '../../test/poll.ts';
import { BulkheadError } from '../errors.ts';
import { openMemoryStore } from '../../test/doubles/memory-store.ts';

let rig: Rig;

async function open(options: RigOptions = {}): Promise<Rig> {
  rig = openRig(options);
  await rig.engine.start();
  return rig;
}

beforeEach(async () => {
  await open();
});

afterEach(async () => {
  await rig.engine.stop({ drain: true });
  expect(rig.machine.violations).toEqual([]);
  expect(rig.machine.held).toEqual([]);
});

describe('a task', () => {
  test('goes all the way to COMPLETE', async () => {
    const id = await rig.submit([EXIT.speak]);
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('COMPLETE');
    expect(await rig.states(id)).toEqual(['QUEUED', 'INITIALIZING', 'RUNNING', 'COMPLETE']);
    expect(attempts).toMatchObject([
      {
        number: 1,
        startedAt: expect.any(Number),
        endedAt: expect.any(Number),
        executors: [
          {
            index: 0,
            exitCode: 0,
            stdout: 'out',
            stderr: 'err',
            startedAt: expect.any(Number),
            endedAt: expect.any(Number),
          },
        ],
        handle: { backend: 'scripted', taskId: id, number: 1 },
      },
    ]);
    expect(rig.backend.calls.map(({ method }) => method)).toEqual([
      'capacity',
      'sweep',
      'prepare',
      'stageIn',
      'start',
      'wait',
      'stageOut',
      'release',
    ]);
  });

  test('tells its sandbox and what is known of its enforcement', async () => {
    const { attempts } = await rig.ended(await rig.submit([EXIT.zero, EXIT.zero]));
    expect(attempts[0]?.metadata).toEqual({
      sandbox_profile: 'standard',
      sandbox_effective: expect.stringContaining('"isolation":"userns"'),
      sandbox_grade: 'observed',
      sandbox_runtime: 'scripted 1.0',
      sandbox_unenforced: 'log bytes',
      sandbox_config_sha256: 'c0'.repeat(32),
      'sandbox_config_sha256.1': 'c0'.repeat(32),
      sandbox_image_digest: `sha256:${'1a'.repeat(32)}`,
      'sandbox_image_digest.1': `sha256:${'1a'.repeat(32)}`,
    });
  });

  test('stops at the first executor that fails', async () => {
    const id = await rig.submit([EXIT.zero, EXIT.three, EXIT.zero]);
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('EXECUTOR_ERROR');
    expect(attempts[0]?.executors.map(({ exitCode }) => exitCode)).toEqual([0, 3]);
    expect((await rig.store.events(id)).at(-1)?.reason).toBe('executor 1 ended with 3');
    expect(rig.backend.count('stageOut', id)).toBe(1);
  });

  test('goes on past an executor whose error is to be ignored, and keeps its exit code', async () => {
    const { attempts, state } = await rig.ended(
      await rig.submit([EXIT.three, EXIT.zero, EXIT.three], { executor: { ignore_error: true } }),
    );
    expect(state).toBe('COMPLETE');
    expect(attempts[0]?.executors.map(({ exitCode }) => exitCode)).toEqual([3, 0, 3]);
  });

  test('begins its system logs with the warnings of its creation', async () => {
    const { attempts } = await rig.ended(await rig.submit([EXIT.zero], { warnings: ['mind the gap'] }));
    expect(attempts[0]?.systemLogs).toEqual(['mind the gap']);
  });

  test('is RUNNING only when inputs are in place and the first executor has started', async () => {
    const staged = Promise.withResolvers<void>();
    await open({
      script: { before: async ({ method }) => (method === 'stageIn' ? await staged.promise : undefined) },
    });
    const id = await rig.submit([EXIT.hang]);
    await until(() => rig.backend.count('stageIn', id) === 1, { what: 'staging' });
    expect((await rig.task(id)).state).toBe('INITIALIZING');
    staged.resolve();
    await rig.inState(id, 'RUNNING');
    await rig.cancel(id);
    await rig.ended(id);
  });

  test('has its handle in the store before inputs are staged', async () => {
    const store = openMemoryStore();
    let stored: unknown;
    await open({
      store,
      script: {
        before: async ({ method, taskId }) => {
          if (method === 'stageIn') stored = (await store.get(taskId, { view: 'FULL' }))?.attempts[0]?.handle;
        },
      },
    });
    const id = await rig.submit([EXIT.zero]);
    await rig.ended(id);
    expect(stored).toEqual({ backend: 'scripted', taskId: id, number: 1 });
  });

  test('is COMPLETE before its resources are freed, and its room is free only after that', async () => {
    const freed = Promise.withResolvers<void>();
    await open({
      script: { before: async ({ method }) => (method === 'release' ? await freed.promise : undefined) },
    });
    const first = await rig.submit([EXIT.zero], { limits: { cpuCores: 4 } });
    await rig.inState(first, 'COMPLETE');
    const second = await rig.submit([EXIT.zero], { limits: { cpuCores: 1 } });
    await until(() => rig.backend.count('release', first) === 1, { what: 'the release' });
    expect((await rig.task(second)).state).toBe('QUEUED');
    freed.resolve();
    expect((await rig.ended(second)).state).toBe('COMPLETE');
  });
});

describe('a system error', () => {
  test.each(['prepare', 'stageIn', 'start', 'wait', 'stageOut'] as const)(
    'in %s ends the task with its code and message',
    async (failing) => {
      await open({
        script: {
          before: ({ method }) => {
            if (method === failing) throw new BulkheadError('image-not-found', 'there is no image busybox');
          },
        },
      });
      const id = await rig.submit([EXIT.zero]);
      const { attempts, state } = await rig.ended(id);
      expect(state).toBe('SYSTEM_ERROR');
      expect(attempts[0]?.systemLogs.at(-1)).toBe('image-not-found: there is no image busybox');
      expect(rig.backend.count('release', id)).toBe(failing === 'prepare' ? 0 : 1);
      expect(rig.errors).toEqual([]);
    },
  );

  test('that nobody expected tells the task nothing of the host, and the operator all', async () => {
    await open({
      script: {
        before: ({ method }) => {
          if (method === 'start') throw new TypeError('ENOENT /secret/path');
        },
      },
    });
    const { attempts, state } = await rig.ended(await rig.submit([EXIT.zero]));
    expect(state).toBe('SYSTEM_ERROR');
    expect(JSON.stringify(attempts)).not.toMatch(/secret|at .*\.ts/u);
    expect(rig.errors).toMatchObject([{ err: { message: 'ENOENT /secret/path' } }]);
  });

  test('is told only once what runs is dead', async () => {
    await open({
      script: {
        after: ({ method }) => {
          if (method === 'start') throw new BulkheadError('evidence', 'NoNewPrivs is 0, not 1');
        },
      },
    });
    const id = await rig.submit([EXIT.hang]);
    expect((await rig.ended(id)).state).toBe('SYSTEM_ERROR');
    expect(rig.backend.count('kill', id)).toBe(1);
  });

  test('of a kind that passes is tried again before anything has run', async () => {
    let failures = 2;
    await open({
      script: {
        before: ({ method }) => {
          if (method === 'prepare' && failures-- > 0) throw new BulkheadError('registry', 'try later');
        },
      },
    });
    expect((await rig.ended(await rig.submit([EXIT.zero]))).state).toBe('COMPLETE');
  });
});

describe('outputs', () => {
  const collected = {
    outputs: [{ url: 'file:///o', path: '/o', sizeBytes: 1 }],
    messages: ['skipped a socket'],
  };

  test('are on the record, with what was skipped', async () => {
    await open({ script: { stageOut: () => ({ ...collected, failures: [] }) } });
    const { attempts, state } = await rig.ended(await rig.submit([EXIT.zero]));
    expect(state).toBe('COMPLETE');
    expect(attempts[0]).toMatchObject({ outputs: collected.outputs, systemLogs: ['skipped a socket'] });
  });

  test('that could not be delivered make a SYSTEM_ERROR, never COMPLETE', async () => {
    await open({ script: { stageOut: () => ({ ...collected, failures: ['/p: denied'] }) } });
    const { attempts, state } = await rig.ended(await rig.submit([EXIT.zero]));
    expect(state).toBe('SYSTEM_ERROR');
    expect(attempts[0]).toMatchObject({
      outputs: collected.outputs,
      systemLogs: ['skipped a socket', '/p: denied'],
    });
  });

  test('that could not be delivered leave an EXECUTOR_ERROR what it is, and are told', async () => {
    await open({ script: { stageOut: () => ({ ...collected, failures: ['/p: denied'] }) } });
    const { attempts, state } = await rig.ended(await rig.submit([EXIT.three]));
    expect(state).toBe('EXECUTOR_ERROR');
    expect(attempts[0]?.systemLogs).toContain('/p: denied');
  });
});

describe('time', () => {
  test('the wall time kills, whatever errors are to be ignored', async () => {
    const id = await rig.submit([EXIT.hang, EXIT.zero], {
      limits: { wallTimeMs: 30 },
      executor: { ignore_error: true },
    });
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('EXECUTOR_ERROR');
    expect(attempts[0]?.executors).toMatchObject([{ exitCode: 137 }]);
    expect(attempts[0]?.systemLogs).toEqual([
      'the wall time of 30 ms was over: everything was killed',
      'executor 0: killed: wall-time',
    ]);
    expect(rig.backend.calls.find(({ method }) => method === 'kill')).toMatchObject({ reason: 'wall-time' });
    expect(rig.backend.count('stageOut', id)).toBe(1);
  });

  test('the wall time ends a task also in its last executor, and where its error is to be ignored', async () => {
    const id = await rig.submit([EXIT.hang], {
      limits: { wallTimeMs: 20 },
      executor: { ignore_error: true },
    });
    expect((await rig.ended(id)).state).toBe('EXECUTOR_ERROR');
    expect((await rig.store.events(id)).at(-1)?.reason).toBe('the wall time was over');
  });

  test('the wall time counts all executors together', async () => {
    const id = await rig.submit([EXIT.hang, EXIT.hang], { limits: { wallTimeMs: 60 } });
    await rig.inState(id, 'RUNNING');
    const place = rig.machine.find({ backend: 'scripted', taskId: id, number: 1 });
    if (place !== undefined) rig.machine.finish(place, 0, 0);
    expect((await rig.ended(id)).attempts[0]?.executors).toMatchObject([{ exitCode: 0 }, { exitCode: 137 }]);
  });

  test('a wall time that isn’t used up does nothing', async () => {
    const id = await rig.submit([EXIT.zero], { limits: { wallTimeMs: 3_000_000_000 } });
    expect((await rig.ended(id)).state).toBe('COMPLETE');
    expect(rig.backend.count('kill', id)).toBe(0);
  });

  test('a task that waits for too long in the queue ends with the reason', async () => {
    const first = await rig.submit([EXIT.hang], { limits: { cpuCores: 4 } });
    await rig.inState(first, 'RUNNING');
    const second = await rig.submit([EXIT.zero], { limits: { queueTimeMs: 10 }, warnings: ['a warning'] });
    const { attempts, state } = await rig.ended(second);
    expect(state).toBe('SYSTEM_ERROR');
    expect(attempts).toMatchObject([
      { executors: [], systemLogs: ['a warning', expect.stringMatching(/its limit is 10 ms/u)] },
    ]);
    await rig.cancel(first);
    await rig.ended(first);
  });
});

test('a task that is larger than the machine has become ends, and holds nobody up', async () => {
  const huge = await rig.submit([EXIT.zero], { limits: { cpuCores: 400 } });
  const small = await rig.submit([EXIT.zero]);
  expect((await rig.ended(small)).state).toBe('COMPLETE');
  const { attempts, state } = await rig.ended(huge);
  expect([state, attempts[0]?.systemLogs]).toEqual([
    'SYSTEM_ERROR',
    ['the task is larger than this machine is now'],
  ]);
});

test('many tasks all come to their end, never more at once than there is room', async () => {
  const ids = await Promise.all(Array.from({ length: 1000 }, async () => await rig.submit([EXIT.zero])));
  let most = 0;
  await until(
    async () => {
      most = Math.max(most, rig.machine.held.length);
      return ((await rig.store.counts()).COMPLETE ?? 0) === ids.length;
    },
    { what: 'the end of all' },
  );
  expect(most).toBeLessThanOrEqual(4);
});

test('stop with drain waits for what runs and starts nothing more', async () => {
  const id = await rig.submit([EXIT.hang]);
  await rig.inState(id, 'RUNNING');
  const stopped = rig.engine.stop({ drain: true });
  const late = await rig.submit([EXIT.zero]);
  const place = rig.machine.find({ backend: 'scripted', taskId: id, number: 1 });
  if (place !== undefined) rig.machine.finish(place, 0, 0);
  await stopped;
  expect([(await rig.task(id)).state, (await rig.task(late)).state]).toEqual(['COMPLETE', 'QUEUED']);
});
