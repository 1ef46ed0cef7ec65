import { expect, test } from 'vitest';
import { openMemoryStore } from '../../test/doubles/memory-store.ts';
import { newTask } from '../../test/contract/store-samples.ts';
import { observedStore } from './observed-store.ts';
import { BOUNDS, Recorder } from './recorder.ts';

test('durations are counted below each bound, the longest beyond all', () => {
  const recorder = new Recorder();
  for (const ms of [0, 1, 3, 50_000, 10 ** 9]) recorder.took('x', ms);
  const { count, cumulative, sumSeconds } = recorder.durations().get('x') ?? {};
  expect(count).toBe(5);
  expect(sumSeconds).toBeCloseTo(1_000_050.004);
  expect(cumulative).toEqual(BOUNDS.map((bound) => (bound < 0.005 ? 2 : bound < 60 ? 3 : 4)));
});

test('what fails is timed too, and fails as it did', async () => {
  const recorder = new Recorder();
  await expect(recorder.timed('x', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(recorder.durations().get('x')?.count).toBe(1);
});

test('a store that is observed answers the same, and each state that a task comes to is counted once', async () => {
  const recorder = new Recorder();
  const store = observedStore(openMemoryStore(), recorder);
  const task = newTask({ idempotencyKey: 'k' });
  const { id } = await store.create(task);
  await store.create(task);
  expect(await store.transition({ id, from: 'QUEUED', to: 'INITIALIZING', at: 1 })).toBe(true);
  expect(await store.transition({ id, from: 'QUEUED', to: 'INITIALIZING', at: 1 })).toBe(false);
  await store.cancel(id, { at: 2 });
  await store.cancel(id, { at: 3 });
  expect(await store.counts()).toEqual({ CANCELING: 1 });
  expect([...recorder.counts()]).toEqual([
    ['QUEUED', 1],
    ['INITIALIZING', 1],
    ['CANCELING', 1],
  ]);
  await store.close();
});
