/** The engine on the real store: many tasks, cancels, and a change of process in the middle. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteStore } from '../src/store/sqlite/sqlite.ts';
import type { Store } from '../src/store/store.ts';
import { isLegalTransition, isTerminal } from '../src/tes/states.ts';
import { EXIT, newMachine, openRig } from './doubles/engine-rig.ts';
import { until } from './poll.ts';

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bulkhead-engine-'));
  store = await openSqliteStore({ path: join(folder, 'bulkhead.db') });
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

test('all tasks end legally through cancels and a restart, and nothing runs twice or is left', async () => {
  const machine = newMachine();
  const first = openRig({ store, machine });
  await first.engine.start();
  const programs = [EXIT.zero, EXIT.three, EXIT.speak, EXIT.hang];
  const ids = await Promise.all(
    Array.from(
      { length: 200 },
      async (_, index) => await first.submit([programs[index % 4] ?? EXIT.zero, EXIT.speak]),
    ),
  );
  await Promise.all(ids.slice(0, 60).map(async (id) => await first.cancel(id)));
  await until(async () => ((await store.counts()).COMPLETE ?? 0) > 5 || machine.held.length >= 4, {
    what: 'some to run',
  });
  await first.engine.stop({ drain: false });
  await store.close();

  store = await openSqliteStore({ path: join(folder, 'bulkhead.db') });
  const second = openRig({ store, machine });
  await second.engine.start();
  // Every fourth task never ends by itself, and there are four slots: cancel them wherever they are.
  await Promise.all(ids.filter((_, index) => index % 4 === 3).map(async (id) => await second.cancel(id)));
  await until(
    async () => {
      const { CANCELED = 0, COMPLETE = 0, EXECUTOR_ERROR = 0, SYSTEM_ERROR = 0 } = await store.counts();
      return CANCELED + COMPLETE + EXECUTOR_ERROR + SYSTEM_ERROR === ids.length;
    },
    { timeoutMs: 30_000, what: 'the end of all' },
  );
  await second.engine.stop({ drain: true });

  for (const [index, id] of ids.entries()) {
    const { attempts, state } = await second.task(id);
    expect(isTerminal(state)).toBe(true);
    const earned = index % 4 === 1 ? 'EXECUTOR_ERROR' : 'COMPLETE';
    if (index >= 60) expect(state).toBe(index % 4 === 3 ? 'CANCELED' : earned);
    for (const { from, to } of (await store.events(id)).slice(1)) {
      expect(isLegalTransition(from ?? 'UNKNOWN', to)).toBe(true);
    }
    if (state === 'COMPLETE')
      expect(attempts.at(-1)?.executors[1]).toMatchObject({ exitCode: 0, stdout: 'out' });
  }
  expect(machine.violations).toEqual([]);
  expect(machine.held).toEqual([]);
  expect([...first.errors, ...second.errors]).toEqual([]);
});
