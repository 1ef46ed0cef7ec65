import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { startServer, type TestServer } from '../test/fixtures/server.ts';
import { createTasks } from './creates.ts';
import { instanceMemory } from './instance-memory.ts';
import { quantile, type Measurement } from './measurement.ts';
import { startedAgain } from './started-again.ts';
import { tree } from './process-tree.ts';

const PROBES = 500;

interface Held {
  readonly mebibytes: number;
  readonly descriptors: number;
  readonly answersMs: readonly number[];
  /** As the server has measured it itself since it was asked last. */
  readonly delayMs: number;
}

/** What a server holds, and how soon it answers, while so many tasks wait: beside the same server before. */
export async function measureWaiting(count: number): Promise<Measurement[]> {
  // One slot, which one task keeps: all others wait.
  const server = await startServer({ backend: { slots: 1 } });
  try {
    await startedAgain(server);
    await server.create({
      executors: [{ image: 'busybox', command: ['sleep', '3600'] }],
      resources: { cpu_cores: availableParallelism() / 2, ram_gb: 0.125, disk_gb: 0.125 },
    });
    await held(server); // what runs for the first time runs slowly
    const before = await held(server);
    await createTasks(server, 16, count, 600_000);
    const after = await held(server);
    const rows = [
      ['memory of all processes, shared pages once', 'MiB', ({ mebibytes }: Held) => mebibytes],
      ['file descriptors of all processes', '', ({ descriptors }: Held) => descriptors],
      ['GET /healthz, p50', 'ms', ({ answersMs }: Held) => quantile(answersMs, 0.5)],
      ['GET /healthz, p99', 'ms', ({ answersMs }: Held) => quantile(answersMs, 0.99)],
      ["delay of the server's event loop, p99", 'ms', ({ delayMs }: Held) => delayMs],
    ] as const;
    return rows.map(([what, unit, of]) => ({
      what: `${what}, ${count} tasks queued`,
      value: of(after),
      unit,
      beside: { what: 'with none queued', value: of(before) },
    }));
  } finally {
    await server.stop();
  }
}

async function held(server: TestServer): Promise<Held> {
  await delay(server); // begins anew
  const answersMs: number[] = [];
  for (let probe = 0; probe < PROBES; probe += 1) {
    const start = performance.now();
    await (await server.request('/healthz')).arrayBuffer();
    answersMs.push(performance.now() - start);
  }
  const delayMs = await delay(server);
  const { total } = await instanceMemory(server.pid);
  const open = await Promise.all(
    (await tree(server.pid)).map(async (pid) => (await readdir(`/proc/${pid}/fd`).catch(() => [])).length),
  );
  return {
    mebibytes: total / 2 ** 20,
    descriptors: open.reduce((sum, each) => sum + each, 0),
    answersMs,
    delayMs,
  };
}

async function delay(server: TestServer): Promise<number> {
  const text = await (await server.request('/bulkhead/v1/metrics')).text();
  return Number(/^bulkhead_event_loop_delay_p99_seconds (\S+)$/m.exec(text)?.[1]) * 1000;
}
