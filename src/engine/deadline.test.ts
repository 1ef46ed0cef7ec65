import { afterEach, beforeEach, expect, test, vi } from 'vitest';
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
