import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../src/store/sqlite/sqlite.ts';
import { EXIT, newMachine, openRig } from '../test/doubles/engine-rig.ts';
import { startServer, type TestServer } from '../test/fixtures/server.ts';
import { until } from '../test/poll.ts';
import type { Measurement } from './measurement.ts';
import { measureWaiting } from './waiting.ts';
import { startedAgain } from './started-again.ts';
import type { Suite } from './suite.ts';

const CAPACITY = { cpuCores: 4096, memoryBytes: 2 ** 42, diskBytes: 2 ** 50, slots: 4096 };

export const recoverySuite: Suite = {
  name: 'recovery',
  what: 'restarts with tasks that run, and what a server holds while tasks wait',
  async run({ isQuick, folder, report }) {
    report(...(await scriptedRestart(join(folder, 'recovery.db'), isQuick ? 100 : 1_000)));
    report(...(await realRestart(isQuick ? 5 : 100)));
    report(...(await measureWaiting(isQuick ? 500 : 10_000)));
  },
};

/** The real engine and store, with a double for what runs: so many containers don't fit a small machine. */
async function scriptedRestart(path: string, count: number): Promise<Measurement[]> {
  const machine = newMachine();
  const options = { machine, script: { capacity: CAPACITY }, engine: { holder: 'bench' } };
  const store = await openSqliteStore({ path });
  const first = openRig({ ...options, store });
  await first.engine.start();
  const ids = await Promise.all(Array.from({ length: count }, () => first.submit([EXIT.hang])));
  const waits = (rig: typeof first): number =>
    rig.backend.calls.filter(({ method }) => method === 'wait').length;
  await until(() => waits(first) === count, { timeoutMs: 120_000, what: `${count} tasks to run` });
  await first.engine.stop({ drain: false });
  await store.close();

  const start = performance.now();
  const again = await openSqliteStore({ path });
  const second = openRig({ ...options, store: again });
  await second.engine.start();
  const startedMs = performance.now() - start;
  await until(() => waits(second) === count, { timeoutMs: 120_000, what: `${count} tasks to be followed` });
  const followedMs = performance.now() - start;

  await Promise.all(ids.map((id) => second.cancel(id)));
  await until(() => machine.held.length === 0, { timeoutMs: 120_000, what: 'the end of what ran' });
  await second.engine.stop({ drain: true });
  await again.close();
  const what = `engine and store, ${count} running handles of a double`;
  return [
    { what: `restart to the start of the engine: ${what}`, value: startedMs, unit: 'ms' },
    { what: `restart until every one is followed: ${what}`, value: followedMs, unit: 'ms' },
  ];
}

/** A server that is killed and started again, beside the same with nothing that runs. */
async function realRestart(count: number): Promise<Measurement[]> {
  const server = await startServer({
    backend: { slots: count, disk_pool: 0 },
    limits: { reserved: { cpu_cores: 0, memory: '0', disk: '0' } },
  });
  try {
    await startedAgain(server);
    const idleMs = await restartMs(server);
    const cpu_cores = Math.floor((availableParallelism() * 1000) / count) / 1000;
    const task = {
      executors: [{ image: 'busybox', command: ['sleep', '3600'] }],
      resources: { cpu_cores, ram_gb: 0.015_625, disk_gb: 0.031_25 },
    };
    const ids: string[] = [];
    for (let made = 0; made < count; made += 1) ids.push(await server.create(task));
    await until(async () => (await running(server)) === count, {
      timeoutMs: 300_000,
      what: `${count} containers to run`,
    });
    const busyMs = await restartMs(server);
    const still = await running(server);
    if (still !== count) throw new Error(`${still} of ${count} tasks run after the restart`);
    // One that ends is heard of only by who follows it.
    const heard = performance.now();
    await Promise.all(
      ids.map(async (id) => await server.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' })),
    );
    await until(async () => (await running(server, 'CANCELED')) === count, {
      timeoutMs: 300_000,
      what: `the end of ${count} containers`,
    });
    return [
      {
        what: `kill -9 to the first answer of the next server, ${count} running containers`,
        value: busyMs,
        unit: 'ms',
        beside: { what: 'with none', value: idleMs },
      },
      {
        what: `then canceling these ${count}, until all are gone`,
        value: performance.now() - heard,
        unit: 'ms',
      },
    ];
  } finally {
    await server.stop();
  }
}

async function restartMs(server: TestServer): Promise<number> {
  await server.leave('SIGKILL');
  const start = performance.now();
  await server.serveAgain();
  return performance.now() - start;
}

async function running(server: TestServer, state = 'RUNNING'): Promise<number> {
  const answer = await server.request(`/ga4gh/tes/v1/tasks?page_size=2047&state=${state}`);
  const { tasks }: { tasks: unknown[] } = JSON.parse(await answer.text());
  return tasks.length;
}
