/** The ends of a task's time, in the queue and at work, beside a neighbour that must not notice. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processesWith, tracesOfServer } from '../e2e/traces.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { SLOWNESS, until } from '../poll.ts';
import { startNeighbour } from './neighbour.ts';
import { exits, sh, told } from './tasks.ts';

/** The first outlives what the test does in the meantime. */
const WALL_S = 20 * SLOWNESS;
const QUEUE_S = 3 * SLOWNESS;

let server: TestServer;

beforeAll(async () => {
  server = await startServer({
    policy: {
      defaults: { cpu_cores: 0.25, ram_gb: 0.0625, timeout: `${WALL_S}s`, queue_timeout: `${QUEUE_S}s` },
    },
    backend: { slots: 2 },
  });
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
});

test('wall time and queue time end who outlives them, each told apart, and nobody else', async () => {
  const mark = `bulkhead-outlives-${process.pid}`;
  // Ignores what can be ignored, and has left its own session.
  const outlives = `trap "" TERM INT HUP; (setsid sh -c 'trap "" TERM INT HUP; sleep 600; sleep 600' ${mark} &); while :; do sleep 1; done`;
  const late = await server.create({ executors: [sh(['sh', '-c', outlives]), sh(['echo', 'ran'])] });
  await until(async () => (await processesWith(mark)).length > 0, {
    what: 'the process that is left behind',
  });
  const neighbour = await startNeighbour(server, 60);
  // Both places are taken.
  const waiting = await server.create({ executors: [sh(['echo', 'ran'])] });

  const unstarted = await server.ended(waiting);
  expect({ state: unstarted.state, exits: exits(unstarted) }).toEqual({ state: 'SYSTEM_ERROR', exits: [] });
  expect(JSON.stringify(unstarted.logs)).toMatch(
    new RegExp(`waited in the queue .* limit is ${QUEUE_S}000 ms`),
  );

  await neighbour.judge();
  const killed = await server.ended(late);
  expect({ state: killed.state, exits: exits(killed) }).toEqual({ state: 'EXECUTOR_ERROR', exits: [137] });
  expect(told(killed)).toContain(`killed at the end of its wall time of ${WALL_S} s (sandbox_timeout)`);
  expect(await processesWith(mark)).toEqual([]);
});

test('control: what ends in time is not touched', async () => {
  const task = await server.run({ executors: [sh(['sleep', '1']), sh(['echo', 'ran'])] });
  expect(task.state).toBe('COMPLETE');
  expect(told(task)).not.toMatch(/killed|waited/);
});
