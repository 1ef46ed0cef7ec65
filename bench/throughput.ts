import { availableParallelism } from 'node:os';
import type { TesTaskDocument } from '../src/tes/task.ts';
import { startServer, type TestServer } from '../test/fixtures/server.ts';
import { groupOf } from './cpu-group.ts';
import { endedChildrenCpuMs, ownCpuMs } from './process-tree.ts';
import type { Suite } from './suite.ts';
import { bareRunsOf, completed, containerCgroup, timeToComplete, trueTask } from './true-task.ts';

const RATIO_AT_LEAST = 0.7;
const TURNS = 4;

export const throughputSuite: Suite = {
  name: 'throughput',
  what: 'tasks of `true` a second, beside `runc run` of the same bundle, each at its best parallelism',
  async run({ isQuick, report }) {
    const count = isQuick ? 20 : 200;
    const cores = availableParallelism();
    const bare = { rate: 0, atOnce: 0 };
    const tasks = { rate: 0, atOnce: 0 };
    const server = await startServer();
    const processors = await groupOf(server.pid, await containerCgroup(server, trueTask(1)));
    try {
      for (const atOnce of [cores, (cores * 3) / 2, cores * 2, cores * 3].map(Math.floor)) {
        const task = trueTask(Math.floor((cores * 1000) / atOnce) / 1000);
        const runs = await bareRunsOf(server, task);
        try {
          // Disks of this size for as many as run at once.
          await inParallel(atOnce * 3, atOnce * 3, () => timeToComplete(server, task));
          const spent = { bareMs: 0, tasksMs: 0, bareCpuMs: 0, tasksCpuMs: 0 };
          const own = new Map<string, number>();
          // In turns: what else the machine does meets both.
          for (let turn = 0; turn < TURNS; turn += 1) {
            const bareCpu = await endedChildrenCpuMs();
            spent.bareMs += await timed(() => inParallel(count / TURNS, atOnce, () => runs.run()));
            spent.bareCpuMs += (await endedChildrenCpuMs()) - bareCpu;
            const [tasksCpu, ownCpu] = [await processors.usedMs(), await ownCpuMs(server.pid)];
            spent.tasksMs += await timed(() => completeAll(server, count / TURNS, task));
            spent.tasksCpuMs += (await processors.usedMs()) - tasksCpu;
            for (const [name, ms] of await ownCpuMs(server.pid))
              if (ownCpu.has(name)) own.set(name, (own.get(name) ?? 0) + ms - (ownCpu.get(name) ?? 0));
          }
          const bareRate = (count * 1000) / spent.bareMs;
          const rate = (count * 1000) / spent.tasksMs;
          report(
            { what: `bare runs of ${count}, ${atOnce} at once`, value: bareRate, unit: '/s' },
            {
              what: `tasks of ${count}, ${atOnce} at once`,
              value: rate,
              unit: '/s',
              beside: { what: 'runc run, as many at once', value: bareRate },
            },
            {
              what: `processor time a task, all processes, ${atOnce} at once`,
              value: spent.tasksCpuMs / count,
              unit: 'ms',
              beside: { what: 'runc run', value: spent.bareCpuMs / count },
            },
            ...[...own].map(([name, ms]) => ({
              what: `of it ${name} itself, ${atOnce} at once`,
              value: ms / count,
              unit: 'ms',
            })),
          );
          if (bareRate > bare.rate) Object.assign(bare, { rate: bareRate, atOnce });
          if (rate > tasks.rate) Object.assign(tasks, { rate, atOnce });
        } finally {
          await runs.close();
        }
      }
    } finally {
      await server.stop();
      await processors.close();
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

/** The server decides how many run at once. Followed one by one, so that those who wait cost the server nothing. */
async function completeAll(server: TestServer, count: number, task: TesTaskDocument): Promise<void> {
  const ids: string[] = [];
  await inParallel(count, 16, async () => void ids.push(await server.create(task)));
  for (const id of ids) await completed(server, id);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
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
