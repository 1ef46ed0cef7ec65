import { availableParallelism } from 'node:os';
import type { TesTaskDocument } from '../src/tes/task.ts';
import { startServer, type TestServer } from '../test/fixtures/server.ts';
import type { BareRuns } from './bare-runs.ts';
import { treeCpuSeconds } from './process-tree.ts';
import type { Suite } from './suite.ts';
import { bareRunsOf, completed, timeToComplete, trueTask } from './true-task.ts';

const RATIO_AT_LEAST = 0.7;

export const throughputSuite: Suite = {
  name: 'throughput',
  what: 'tasks of `true` a second, beside `runc run` of the same bundle, each at its best parallelism',
  async run({ isQuick, report }) {
    const count = isQuick ? 20 : 200;
    const cores = availableParallelism();
    const bare = { rate: 0, atOnce: 0 };
    const tasks = { rate: 0, atOnce: 0 };
    const server = await startServer();
    try {
      for (const atOnce of [cores, (cores * 3) / 2, cores * 2].map(Math.floor)) {
        const task = trueTask(Math.floor((cores * 1000) / atOnce) / 1000);
        const runs = await bareRunsOf(server, task);
        try {
          // Disks of this size for as many as run at once.
          await inParallel(atOnce * 3, atOnce * 3, () => timeToComplete(server, task));
          const bareRate = await barePerSecond(runs, count, atOnce);
          report({ what: `bare runs of ${count}, ${atOnce} at once`, value: bareRate, unit: '/s' });
          if (bareRate > bare.rate) Object.assign(bare, { rate: bareRate, atOnce });
          const { rate, cpuMs } = await tasksPerSecond(server, count, task);
          report(
            { what: `tasks of ${count}, ${atOnce} at once`, value: rate, unit: '/s' },
            { what: `server and helper, cpu a task, ${atOnce} at once`, value: cpuMs, unit: 'ms' },
          );
          if (rate > tasks.rate) Object.assign(tasks, { rate, atOnce });
        } finally {
          await runs.close();
        }
      }
    } finally {
      await server.stop();
    }
    report({
      what: `tasks a second, best at ${tasks.atOnce} at once`,
      value: tasks.rate,
      unit: '/s',
      beside: { what: `runc run, best at ${bare.atOnce} at once`, value: bare.rate },
      target: { of: 'ratio', atLeast: RATIO_AT_LEAST },
    });
  },
};

async function barePerSecond(runs: BareRuns, count: number, atOnce: number): Promise<number> {
  const start = performance.now();
  await inParallel(count, atOnce, () => runs.run());
  return (count * 1000) / (performance.now() - start);
}

/** The server decides how many run at once. Followed one by one, so that those who wait cost the server nothing. */
async function tasksPerSecond(
  server: TestServer,
  count: number,
  task: TesTaskDocument,
): Promise<{ rate: number; cpuMs: number }> {
  const cpuBefore = await treeCpuSeconds(server.pid);
  const start = performance.now();
  const ids: string[] = [];
  await inParallel(count, 16, async () => void ids.push(await server.create(task)));
  for (const id of ids) await completed(server, id);
  const seconds = (performance.now() - start) / 1000;
  const cpu = (await treeCpuSeconds(server.pid)) - cpuBefore;
  return { rate: count / seconds, cpuMs: (cpu * 1000) / count };
}

async function inParallel(count: number, atOnce: number, work: () => Promise<unknown>): Promise<void> {
  let begun = 0;
  async function worker(): Promise<void> {
    while (begun < count) {
      begun += 1;
      await work();
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker));
}
