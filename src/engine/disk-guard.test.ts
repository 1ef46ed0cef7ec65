import { afterEach, expect, test } from 'vitest';
import { until } from '../../test/poll.ts';
import { startDiskGuard } from './disk-guard.ts';
import type { DiskGuard, DiskGuardOptions } from './disk-guard.ts';
import { Holds } from './holds.ts';

let guard: DiskGuard | undefined;

afterEach(async () => await guard?.stop());

interface Scene {
  freeBytes: number;
  /** Bytes that giving up what nobody uses brings. */
  spare: number;
  readonly holds: Holds;
  readonly lines: string[];
}

async function start(
  freeBytes: number,
  thresholds: DiskGuardOptions['thresholds'],
  spare = 0,
): Promise<Scene> {
  const holds = new Holds(Date.now, () => undefined);
  const scene: Scene = { freeBytes, spare, holds, lines: [] };
  const log = (_fields: object, message: string): void => void scene.lines.push(message);
  guard = await startDiskGuard({
    starts: { hold: (cause, why) => holds.hold(cause, why), lift: (cause) => holds.lift(cause) },
    thresholds,
    measure: async () => ({ freeBytes: scene.freeBytes, totalBytes: 1000 }),
    reclaim: async () => {
      scene.freeBytes += scene.spare;
      scene.spare = 0;
    },
    logger: { info: log, warn: log, error: log },
    everyMs: 1,
  });
  return scene;
}

test('too little room is noticed before anything is started, with the reason, and passes by itself', async () => {
  const scene = await start(99, { starts: 100, creates: 50 });
  expect(scene.holds.list()).toMatchObject([
    { cause: 'disk', reason: expect.stringMatching(/99 bytes free, fewer than 100 .*wait in the queue/) },
  ]);
  expect(guard?.refusal()).toBeUndefined();
  scene.freeBytes = 200;
  await until(async () => !scene.holds.any, { what: 'the hold to be lifted' });
  expect(scene.lines).toEqual([
    expect.stringContaining('nearly full'),
    expect.stringContaining('room again'),
  ]);
});

test('below the second threshold new tasks are refused, and above it they are taken again', async () => {
  const scene = await start(10, { starts: 100, creates: 50 });
  expect(guard?.refusal()).toMatchObject({ code: 'disk-full' });
  scene.freeBytes = 70;
  await until(async () => guard?.refusal() === undefined, { what: 'tasks to be taken again' });
  expect(scene.holds.any).toBe(true);
});

test('what nobody uses is given up before anything is held up', async () => {
  const scene = await start(50, { starts: 100, creates: 10 }, 100);
  expect(scene.holds.any).toBe(false);
  expect(scene.lines).toEqual([]);
});

test('a percentage is of the whole disk, and none holds nothing up', async () => {
  const scene = await start(99, { starts: { percent: 10 }, creates: null });
  expect(scene.holds.any).toBe(true);
  expect(guard?.refusal()).toBeUndefined();
  await guard?.stop();
  expect((await start(0, { starts: null, creates: null })).holds.any).toBe(false);
});

test('room that goes up and down at the threshold doesn\u2019t make it flutter', async () => {
  const scene = await start(99, { starts: 100, creates: null });
  scene.freeBytes = 101;
  let measured = 0;
  await until(async () => (measured += 1) > 20, { what: 'some rounds' });
  expect(scene.holds.any).toBe(true);
  expect(scene.lines).toHaveLength(1);
});
