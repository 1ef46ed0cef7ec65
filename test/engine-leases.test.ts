/** Engines on one real database: one that is stopped for too long, and a database that can't be written for a while. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteStore } from '../src/store/sqlite/sqlite.ts';
import type { Store } from '../src/store/store.ts';
import { EXIT, newMachine, openRig } from './doubles/engine-rig.ts';
import type { ScriptedMachine } from './doubles/scripted-machine.ts';
import { until } from './poll.ts';

let folder: string;
let path: string;
const stores: Store[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bulkhead-leases-'));
  path = join(folder, 'bulkhead.db');
});

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  await rm(folder, { recursive: true });
});

async function openStore(busyTimeoutMs = 5_000): Promise<Store> {
  const store = await openSqliteStore({ path, busyTimeoutMs });
  stores.push(store);
  return store;
}

function finish(machine: ScriptedMachine, taskId: string): void {
  const place = machine.find({ backend: 'scripted', taskId, number: 1 });
  if (place !== undefined) machine.finish(place, 0, 0);
}

test('what an engine still writes after another has taken its task over is refused, and it frees nothing', async () => {
  const machine = newMachine();
  const store = await openStore();
  // It takes itself for sure for an hour: what keeps it from writing is the token alone.
  const deceived: Store = {
    ...store,
    claim: async (claim) => await store.claim({ ...claim, leaseMs: 300 }),
  };
  const one = openRig({ machine, store: deceived, engine: { holder: 'one', leaseMs: 3_600_000 } });
  const two = openRig({ machine, store: await openStore(), engine: { holder: 'two', leaseMs: 300 } });
  await one.engine.start();
  const id = await one.submit([EXIT.hang]);
  await one.inState(id, 'RUNNING');
  await two.engine.start();
  await until(() => two.backend.count('wait', id) === 1, { what: 'the second engine to go on' });
  finish(machine, id);
  const { attempts, state } = await two.ended(id);
  expect(state).toBe('COMPLETE');
  expect(attempts).toMatchObject([{ number: 1, executors: [{ exitCode: 0 }] }]);
  expect(await two.states(id)).toEqual(['QUEUED', 'INITIALIZING', 'RUNNING', 'COMPLETE']);
  expect(one.backend.calls.filter(({ method }) => method === 'release' || method === 'kill')).toEqual([]);
  await one.engine.stop({ drain: false });
  await two.engine.stop({ drain: true });
  expect(machine.violations).toEqual([]);
  expect(machine.held).toEqual([]);
});

test('a database that is locked in the middle of an attempt delays it, and nothing is done twice', async () => {
  const machine = newMachine();
  const rig = openRig({ machine, store: await openStore(20) });
  await rig.engine.start();
  const id = await rig.submit([EXIT.hang, EXIT.speak]);
  await rig.inState(id, 'RUNNING');
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  finish(machine, id);
  await until(() => rig.backend.count('release', id) + rig.backend.count('stageOut', id) > 0, {
    what: 'the attempt to come to its end',
  });
  expect((await rig.task(id)).state).toBe('RUNNING');
  other.exec('ROLLBACK');
  other.close();
  const { attempts, state } = await rig.ended(id);
  expect(state).toBe('COMPLETE');
  expect(attempts).toMatchObject([{ executors: [{ exitCode: 0 }, { exitCode: 0, stdout: 'out' }] }]);
  expect(rig.backend.count('start', id)).toBe(2);
  await rig.engine.stop({ drain: true });
  expect(machine.violations).toEqual([]);
});
