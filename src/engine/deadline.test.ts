import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EXIT, openRig } from '../../test/doubles/engine-rig.ts';
import { until } from '../../test/poll.ts';
import { Deadline } from './deadline.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test.each([0, 1, 5000, 30 * 24 * 3_600_000, 400 * 24 * 3_600_000])(
  '%i ms later, and not before, it calls',
  (afterMs) => {
    const deadline = new Deadline();
    const onExpiry = vi.fn<() => void>();
    deadline.arm(afterMs, onExpiry);
    vi.advanceTimersByTime(Math.max(0, afterMs - 1));
    if (afterMs > 1) expect([onExpiry.mock.calls.length, deadline.expired]).toEqual([0, false]);
    vi.advanceTimersByTime(2);
    expect([onExpiry.mock.calls.length, deadline.expired]).toEqual([1, true]);
  },
);

test('what has passed already calls at once', () => {
  const deadline = new Deadline();
  deadline.arm(-5, () => undefined);
  vi.advanceTimersByTime(1);
  expect(deadline.expired).toBe(true);
});

test('null is never, and a disarmed one doesn’t call, however long it was', () => {
  for (const afterMs of [null, 10, 400 * 24 * 3_600_000]) {
    const deadline = new Deadline();
    deadline.arm(afterMs, () => undefined);
    vi.advanceTimersByTime(5);
    deadline.disarm();
    vi.advanceTimersByTime(2 ** 40);
    expect(deadline.expired).toBe(false);
  }
});

test('the time that a container takes to be made is not the task’s', async () => {
  vi.useRealTimers();
  let clock = 1_000_000;
  const rig = openRig({
    script: {
      before: ({ method }) => {
        if (method === 'start') clock += 600_000;
      },
    },
    engine: { now: () => clock },
  });
  await rig.engine.start();
  const id = await rig.submit([EXIT.hang], { limits: { wallTimeMs: 60_000 } });
  await rig.inState(id, 'RUNNING');
  const shorter = await rig.submit([EXIT.hang], { limits: { wallTimeMs: 30 } });
  await until(() => rig.backend.count('kill', shorter) > 0, { what: 'the end of a shorter time' });
  const place = rig.machine.find({ backend: 'scripted', taskId: id, number: 1 });
  if (place !== undefined) rig.machine.finish(place, 0, 0);
  expect((await rig.ended(id)).state).toBe('COMPLETE');
  expect(rig.backend.count('kill', id)).toBe(0);
  await rig.engine.stop({ drain: true });
});
