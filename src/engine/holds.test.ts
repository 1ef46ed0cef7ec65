import { afterEach, expect, test } from 'vitest';
import { EXIT, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig } from '../../test/doubles/engine-rig.ts';
import { isBulkheadError } from '../errors.ts';
import { createOperation } from './operating.ts';

let rig: Rig;

afterEach(async () => {
  for (const task of await rig.store.active()) await rig.cancel(task.id);
  await rig.engine.stop({ drain: true });
});

test('while there is a hold, nothing new is started and what runs comes to its end', async () => {
  rig = openRig();
  await rig.engine.start();
  const running = await rig.submit([EXIT.hang]);
  await rig.inState(running, 'RUNNING');
  rig.engine.hold('drain', 'for the test');
  const waiting = await rig.submit([EXIT.zero]);
  expect(rig.engine.running()).toBe(1);
  await rig.cancel(running);
  expect((await rig.ended(running)).state).toBe('CANCELED');
  // Room was freed, which makes the queue look again.
  rig.engine.wake();
  expect((await rig.task(waiting)).state).toBe('QUEUED');
  expect(rig.engine.holds()).toMatchObject([{ cause: 'drain', reason: 'for the test' }]);

  rig.engine.lift('drain');
  expect((await rig.ended(waiting)).state).toBe('COMPLETE');
  expect(rig.engine.holds()).toEqual([]);
});

test('each cause is lifted by itself', async () => {
  rig = openRig();
  await rig.engine.start();
  rig.engine.hold('drain', 'one');
  rig.engine.hold('disk', 'two');
  const id = await rig.submit([EXIT.zero]);
  rig.engine.lift('drain');
  rig.engine.lift('drain');
  expect((await rig.task(id)).state).toBe('QUEUED');
  rig.engine.lift('disk');
  expect((await rig.ended(id)).state).toBe('COMPLETE');
});

test('a drain queues or refuses what is created, as it was asked last, until it is taken back', async () => {
  rig = openRig();
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const operation = createOperation({ starts: rig.engine, guard: { refusal: () => undefined }, logger });
  operation.drain({ refuseCreates: true });
  expect(operation.state()).toMatchObject({ takesCreates: false, holds: [{ cause: 'drain' }] });
  expect(() => operation.assertTakes()).toThrow(/drained/);
  operation.drain({ refuseCreates: false });
  expect(operation.state()).toMatchObject({ takesCreates: true, holds: [{ cause: 'drain' }] });
  operation.assertTakes();
  operation.resume();
  expect(operation.state()).toEqual({ takesCreates: true, holds: [], running: 0 });
});

test('the error of a refused create is one to try again', async () => {
  rig = openRig();
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const operation = createOperation({ starts: rig.engine, guard: { refusal: () => undefined }, logger });
  operation.drain({ refuseCreates: true });
  let code: unknown;
  try {
    operation.assertTakes();
  } catch (error) {
    code = isBulkheadError(error) ? error.code : error;
  }
  expect(code).toBe('busy');
});
