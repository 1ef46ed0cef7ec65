import { availableParallelism } from 'node:os';
import { startServer } from '../test/fixtures/server.ts';
import { quantile } from './measurement.ts';
import type { Suite } from './suite.ts';
import { bareRunsOf, timeToComplete, trueTask } from './true-task.ts';

const LATENCY_AT_MOST = 2.5;

export const shortTaskSuite: Suite = {
  name: 'latency',
  what: 'from create to COMPLETE of `true`, beside `runc run` of the same bundle, in turns',
  async run({ isQuick, report }) {
    const server = await startServer();
    try {
      const task = trueTask(availableParallelism() / 2);
      const bare = await bareRunsOf(server, task);
      try {
        // The first ones make disks and mounts, which later ones find ready.
        for (let warm = 0; warm < 4; warm += 1) await timeToComplete(server, task);
        const tasks: number[] = [];
        const runs: number[] = [];
        for (let turn = 0; turn < (isQuick ? 5 : 30); turn += 1) {
          runs.push(await bare.run());
          tasks.push(await timeToComplete(server, task));
        }
        for (const [name, q] of [
          ['p50', 0.5],
          ['p95', 0.95],
        ] as const) {
          report({
            what: `create to COMPLETE, ${name} of ${tasks.length}`,
            value: quantile(tasks, q),
            unit: 'ms',
            beside: { what: `runc run, ${name}`, value: quantile(runs, q) },
            ...(name === 'p50' ? { target: { of: 'ratio', atMost: LATENCY_AT_MOST } } : {}),
          });
        }
      } finally {
        await bare.close();
      }
    } finally {
      await server.stop();
    }
  },
};
