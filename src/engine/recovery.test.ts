import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { EXIT, newMachine, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig } from '../../test/doubles/engine-rig.ts';
import { openMemoryStore } from '../../test/doubles/memory-store.ts';
import type { Method } from '../../test/doubles/scripted-backend.ts';
import type { ScriptedMachine } from '../../test/doubles/scripted-machine.ts';
import { until } from '../../test/poll.ts';
import type { Store } from '../store/store.ts';

/** One store and one machine, and the processes that come and go on them. */
interface World {
  readonly store: Store;
  readonly machine: ScriptedMachine;
}

let world: World;
let rig: Rig;

function newWorld(): void {
  world = { store: openMemoryStore(), machine: newMachine() };
}

/** The next process on the same world. */
async function nextProcess(): Promise<Rig> {
  rig = openRig(world);
  await rig.engine.start();
  return rig;
}

/**
 * A process that dies at a call: the call never answers, nor does any after it, and nothing is written any more. What
 * it had started goes on. Resolves with the task that it had begun.
 */
async function processThatDiesAt(
  method: Method,
  place: 'before' | 'after',
  commands: readonly (readonly string[])[],
): Promise<string> {
  const died = Promise.withResolvers<void>();
  let isDead = false;
  const { promise: never } = Promise.withResolvers<never>();
  const gate = async (call: { method: Method }): Promise<void> => {
    if (call.method === method) {
      isDead = true;
      died.resolve();
    }
    if (isDead) await never;
  };
  const dying = openRig({
    machine: world.machine,
    store: untilDead(world.store, () => isDead),
    script: { [place]: gate },
  });
  await dying.engine.start();
  const id = await dying.submit(commands);
  await died.promise;
  return id;
}

function untilDead(store: Store, isDead: () => boolean): Store {
  const { promise: never } = Promise.withResolvers<never>();
  return {
    ...store,
    claim: async (claim) => (isDead() ? await never : await store.claim(claim)),
    transition: async (change) => (isDead() ? await never : await store.transition(change)),
    saveAttempt: async (...parameters) => (isDead() ? await never : await store.saveAttempt(...parameters)),
  };
}

/** How often each executor ran, over all attempts. */
function runs(id: string): number {
  return [1, 2, 3]
    .map((number) => world.machine.find({ backend: 'scripted', taskId: id, number }))
    .reduce((sum, place) => sum + (place?.executors.size ?? 0), 0);
}

afterEach(async () => {
  await rig.engine.stop({ drain: true });
  expect(world.machine.violations).toEqual([]);
  expect(world.machine.held).toEqual([]);
});

describe('a process that dies', () => {
  test.each<[Method, 'before' | 'after']>([
    ['prepare', 'before'],
    ['prepare', 'after'],
    ['stageIn', 'before'],
    ['stageIn', 'after'],
    ['start', 'before'],
  ])('at %s, %s its effect, has run nothing: the task is tried again', async (method, place) => {
    newWorld();
    const id = await processThatDiesAt(method, place, [EXIT.zero]);
    await nextProcess();
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('COMPLETE');
    expect(await rig.states(id)).toEqual([
      'QUEUED',
      'INITIALIZING',
      'QUEUED',
      'INITIALIZING',
      'RUNNING',
      'COMPLETE',
    ]);
    expect(attempts).toMatchObject([
      { number: 1, executors: [], endedAt: expect.any(Number) },
      { number: 2, executors: [{ exitCode: 0 }] },
    ]);
    expect(attempts[0]?.systemLogs).toEqual([expect.stringContaining('tried again')]);
    expect(runs(id)).toBe(1);
  });

  test.each<[Method, 'before' | 'after']>([
    ['start', 'after'],
    ['wait', 'before'],
    ['wait', 'after'],
    ['stageOut', 'before'],
    ['stageOut', 'after'],
  ])(
    'at %s, %s its effect, has started the executor: it is found, and not started again',
    async (method, place) => {
      newWorld();
      const id = await processThatDiesAt(method, place, [EXIT.speak]);
      await nextProcess();
      const { attempts, state } = await rig.ended(id);
      expect(state).toBe('COMPLETE');
      expect(attempts).toMatchObject([
        { number: 1, executors: [{ exitCode: 0, stdout: 'out', evidence: { grade: 'observed' } }] },
      ]);
      expect(runs(id)).toBe(1);
    },
  );

  test('is followed by one that waits for its backend, however slow: nothing is taken for started', async () => {
    newWorld();
    const id = await processThatDiesAt('stageIn', 'before', [EXIT.zero]);
    rig = openRig({
      ...world,
      script: {
        before: async ({ method }) => {
          if (method === 'started') await sleep(400);
        },
      },
    });
    await rig.engine.start();
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('COMPLETE');
    expect(attempts).toMatchObject([{ executors: [] }, { executors: [{ exitCode: 0 }] }]);
  });

  test('while an executor runs leaves it alone: it goes on through the restart', async () => {
    newWorld();
    const id = await processThatDiesAt('wait', 'before', [EXIT.hang, EXIT.zero]);
    await nextProcess();
    await rig.inState(id, 'RUNNING');
    const place = world.machine.find({ backend: 'scripted', taskId: id, number: 1 });
    if (place !== undefined) world.machine.finish(place, 0, 0);
    expect(await rig.ended(id)).toMatchObject({
      state: 'COMPLETE',
      attempts: [{ executors: [{ exitCode: 0 }, { exitCode: 0 }] }],
    });
  });

  test('after it said COMPLETE, and before it freed anything, leaks nothing', async () => {
    newWorld();
    const id = await processThatDiesAt('release', 'before', [EXIT.zero]);
    expect(world.machine.held).toHaveLength(1);
    await nextProcess();
    expect((await rig.ended(id)).state).toBe('COMPLETE');
  });

  test('with a task that is canceled meanwhile ends it', async () => {
    newWorld();
    const id = await processThatDiesAt('wait', 'before', [EXIT.hang]);
    await world.store.cancel(id, { at: 1 });
    await nextProcess();
    expect((await rig.ended(id)).state).toBe('CANCELED');
  });

  test('again and again before anything has run is given up', async () => {
    newWorld();
    const id = await processThatDiesAt('prepare', 'before', [EXIT.zero]);
    const [lease] = await world.store.takeOver({ holder: 'engine', leaseMs: 60_000, own: true });
    for (const number of Array.from({ length: 20 }, (_, index) => index + 1)) {
      const record = { startedAt: 1, executors: [], outputs: [], systemLogs: [], metadata: {}, number };
      await world.store.saveAttempt(id, number < 20 ? { ...record, ranNothing: true } : record, lease?.token);
    }
    await nextProcess();
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('SYSTEM_ERROR');
    expect(attempts.at(-1)?.systemLogs).toEqual([expect.stringContaining('no further try')]);
  });
});

test('an executor that is on record as started and isn’t found is lost, and never started again', async () => {
  newWorld();
  const id = await processThatDiesAt('stageOut', 'before', [EXIT.zero]);
  // A reboot: what the machine knew is gone.
  world = { ...world, machine: newMachine() };
  await nextProcess();
  const { attempts, state } = await rig.ended(id);
  expect(state).toBe('SYSTEM_ERROR');
  expect(attempts).toMatchObject([{ number: 1 }]);
  expect(rig.backend.count('start', id)).toBe(0);
});

test('what runs counts against the room that there is', async () => {
  newWorld();
  const running = await processThatDiesAt('wait', 'before', [EXIT.hang]);
  await nextProcess();
  await rig.inState(running, 'RUNNING');
  const all = await rig.submit([EXIT.zero], { limits: { cpuCores: 4 } });
  const some = await rig.submit([EXIT.zero], { limits: { cpuCores: 3 } });
  expect((await rig.ended(some)).state).toBe('COMPLETE');
  expect((await rig.task(all)).state).toBe('QUEUED');
  await rig.cancel(running);
  expect((await rig.ended(all)).state).toBe('COMPLETE');
});

describe('a process that leaves', () => {
  test('without draining writes nothing more, and the next one goes on', async () => {
    newWorld();
    await nextProcess();
    const id = await rig.submit([EXIT.hang]);
    await rig.inState(id, 'RUNNING');
    await rig.engine.stop({ drain: false });
    expect((await rig.task(id)).state).toBe('RUNNING');
    expect(world.machine.held).toHaveLength(1);
    await nextProcess();
    await rig.cancel(id);
    expect((await rig.ended(id)).state).toBe('CANCELED');
    expect(runs(id)).toBe(1);
  });

  test('while an image is pulled gives the pull up, and the next one begins anew', async () => {
    newWorld();
    rig = openRig({
      ...world,
      script: {
        before: async ({ method }, signal) => {
          if (method !== 'prepare') return;
          await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
        },
      },
    });
    await rig.engine.start();
    const id = await rig.submit([EXIT.zero]);
    await until(() => rig.backend.count('prepare', id) === 1, { what: 'the pull' });
    await rig.engine.stop({ drain: false });
    expect((await rig.task(id)).state).toBe('INITIALIZING');
    await nextProcess();
    expect((await rig.ended(id)).state).toBe('COMPLETE');
  });

  test('sweeping that fails keeps nobody from working', async () => {
    newWorld();
    rig = openRig({
      ...world,
      script: {
        before: ({ method }) => {
          if (method === 'sweep') throw new Error('busy');
        },
      },
    });
    await rig.engine.start();
    expect((await rig.ended(await rig.submit([EXIT.zero]))).state).toBe('COMPLETE');
  });
});
