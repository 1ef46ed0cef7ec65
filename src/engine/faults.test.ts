import { afterEach, describe, expect, test, vi } from 'vitest';
import { EXIT, newTask, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig } from '../../test/doubles/engine-rig.ts';
import { openMemoryStore } from '../../test/doubles/memory-store.ts';
import { until } from '../../test/poll.ts';
import { BulkheadError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { Notices } from './notices.ts';
import { purgeEnded } from './retention.ts';

let rig: Rig | undefined;

afterEach(async () => {
  await rig?.engine.stop({ drain: true });
  expect(rig?.machine.violations ?? []).toEqual([]);
  expect(rig?.machine.held ?? []).toEqual([]);
  rig = undefined;
});

/** A store each of whose methods fails so often before it works. */
function failing(store: Store, methods: readonly (keyof Store)[], times: number): Store {
  const left = new Map(methods.map((method) => [method, times]));
  function fail(method: keyof Store): void {
    const count = left.get(method) ?? 0;
    left.set(method, count - 1);
    if (count > 0) throw new BulkheadError('store-locked', `${method}: the database is locked`);
  }
  return {
    ...store,
    get: async (...parameters) => {
      fail('get');
      return await store.get(...parameters);
    },
    queued: async (options) => {
      fail('queued');
      return await store.queued(options);
    },
    claim: async (claim) => {
      fail('claim');
      return await store.claim(claim);
    },
    transition: async (change) => {
      fail('transition');
      return await store.transition(change);
    },
    saveAttempt: async (...parameters) => {
      fail('saveAttempt');
      await store.saveAttempt(...parameters);
    },
  };
}

describe('a store that fails for a while', () => {
  test.each<keyof Store>(['queued', 'get', 'claim', 'transition', 'saveAttempt'])(
    'in %s delays a task, and loses nothing of it',
    async (method) => {
      const store = openMemoryStore();
      rig = openRig({ store: failing(store, [method], 4) });
      await rig.engine.start();
      const task = newTask([EXIT.speak]);
      await store.create(task);
      rig.engine.wake();
      await until(async () => (await store.events(task.id)).at(-1)?.to === 'COMPLETE', { what: 'the end' });
      expect((await store.get(task.id, { view: 'FULL' }))?.attempts).toMatchObject([
        { number: 1, executors: [{ exitCode: 0, stdout: 'out' }] },
      ]);
    },
  );

  test('whose transition is a mistake of ours is not asked for ever', async () => {
    const store = openMemoryStore();
    let mistakes = 0;
    rig = openRig({
      store: {
        ...store,
        transition: async (change) => {
          if (change.to !== 'COMPLETE') return await store.transition(change);
          mistakes += 1;
          throw new BulkheadError('internal', 'no such transition');
        },
      },
    });
    await rig.engine.start();
    const id = await rig.submit([EXIT.zero]);
    await until(() => rig?.backend.count('release', id) === 1, { what: 'the release' });
    expect(mistakes).toBe(1);
    expect(rig.errors).not.toEqual([]);
  });
});

test('a backend that can’t release yet keeps the room, and is asked again', async () => {
  let failures = 5;
  rig = openRig({
    script: {
      before: ({ method }) => {
        if (method === 'release' && failures-- > 0) throw new Error('device or resource busy');
      },
    },
  });
  await rig.engine.start();
  const id = await rig.submit([EXIT.zero]);
  expect((await rig.ended(id)).state).toBe('COMPLETE');
  expect(rig.backend.count('release', id)).toBe(6);
});

test('a failed attempt that can’t be killed says so in the end, and goes on being killed', async () => {
  let failures = 6;
  rig = openRig({
    script: {
      before: ({ method }) => {
        if (method === 'wait') throw new BulkheadError('runtime', 'conmon died: the exit code is lost');
        if (method === 'kill' && failures-- > 0) throw new Error('not now');
      },
    },
  });
  await rig.engine.start();
  const id = await rig.submit([EXIT.hang]);
  const { attempts, state } = await rig.ended(id);
  expect(state).toBe('SYSTEM_ERROR');
  expect(attempts[0]?.systemLogs).toEqual(['runtime: conmon died: the exit code is lost']);
});

test('the queue in memory stays small, however long it is', async () => {
  const store = openMemoryStore();
  const limits: number[] = [];
  rig = openRig({
    store: { ...store, queued: async (options) => await store.queued((limits.push(options.limit), options)) },
  });
  for (let count = 0; count < 5000; count += 1)
    await store.create(newTask([EXIT.hang], { limits: { cpuCores: 4 } }));
  await rig.engine.start();
  await until(async () => (await store.counts()).RUNNING === 1, { what: 'the first' });
  for (let count = 0; count < 1000; count += 1) rig.engine.wake();
  const reads = limits.length;
  await until(async () => (await store.counts()).QUEUED === 4999, { what: 'the rest to wait' });
  expect(Math.max(...limits)).toBeLessThanOrEqual(500);
  expect(reads).toBeLessThan(10);
  for (const { id } of await store.queued({ limit: 5000 })) await store.cancel(id, { at: 1 });
  for (const { id } of await store.active()) await rig.cancel(id);
});

test('what ended longer ago than it is kept is removed, and what is beside it', async () => {
  const store = openMemoryStore();
  for (const createdAt of [1000, 2000, 3000]) {
    const task = newTask([EXIT.zero], { createdAt });
    await store.create(task);
    await store.cancel(task.id, { at: createdAt });
  }
  const forget = vi.fn(async () => undefined);
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const { backend } = openRig();
  const dependencies = {
    store,
    backend,
    now: () => 12_500,
    logger,
    notices: new Notices(),
    patience: { firstMs: 1, maxMs: 1 },
  };
  expect(await purgeEnded(dependencies, { retentionMs: null, forget })).toBe(0);
  expect(await purgeEnded(dependencies, { retentionMs: 10_000, forget })).toBe(2);
  expect(forget).toHaveBeenCalledWith([expect.any(String), expect.any(String)]);
  expect(await store.counts()).toEqual({ CANCELED: 1 });
});
