import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SANDBOX } from '../../test/contract/backend-samples.ts';
import type { Limits } from '../sandbox/sandbox.ts';
import type { QueuedTask } from '../store/store.ts';
import { choose, EMPTY_LINE, MAX_PASSES } from './scheduler.ts';
import type { Line } from './scheduler.ts';

const TOTAL = { cpuCores: 8, memoryBytes: 64, diskBytes: 64, slots: 6 };

function queued(id: string, limits: Partial<Limits>): QueuedTask {
  return {
    id,
    sequence: 0,
    createdAt: 0,
    sandbox: {
      ...SANDBOX,
      limits: { ...SANDBOX.limits, cpuCores: 1, memoryBytes: 1, diskBytes: 1, ...limits },
    },
  };
}

function ids(tasks: readonly QueuedTask[]): string[] {
  return tasks.map(({ id }) => id);
}

describe('choose', () => {
  test('starts what fits, first in first out', () => {
    const queue = ['a', 'b', 'c'].map((id) => queued(id, { cpuCores: 4 }));
    expect(ids(choose(queue, TOTAL, [], EMPTY_LINE).start)).toEqual(['a', 'b']);
  });

  test.each([
    ['cpu', { cpuCores: 7.5 }],
    ['memory', { memoryBytes: 64 }],
    ['disk', { diskBytes: 64 }],
  ])('counts %s that is taken', (_name, limits) => {
    const running = [queued('r', { cpuCores: 1 }).sandbox.limits];
    expect(choose([queued('a', limits)], TOTAL, running, EMPTY_LINE)).toMatchObject({
      start: [],
      line: { headId: 'a', passes: 0 },
    });
    expect(ids(choose([queued('a', limits)], TOTAL, [], EMPTY_LINE).start)).toEqual(['a']);
  });

  test('counts slots', () => {
    const queue = Array.from({ length: 9 }, (_, index) => queued(String(index), { cpuCores: 0.1 }));
    expect(choose(queue, TOTAL, [], EMPTY_LINE).start).toHaveLength(6);
  });

  test('ten tenths of a core fit into one', () => {
    const queue = Array.from({ length: 10 }, (_, index) => queued(String(index), { cpuCores: 0.1 }));
    expect(choose(queue, { ...TOTAL, cpuCores: 1, slots: 10 }, [], EMPTY_LINE).start).toHaveLength(10);
  });

  test('what is larger than the machine is told apart, and holds nobody up', () => {
    const { impossible, start } = choose(
      [queued('huge', { memoryBytes: 65 }), queued('a', {})],
      TOTAL,
      [],
      EMPTY_LINE,
    );
    expect([ids(impossible), ids(start)]).toEqual([['huge'], ['a']]);
  });

  test('small tasks pass a large one, and are counted', () => {
    const running = [queued('r', {}).sandbox.limits];
    const { line, start } = choose(
      [queued('large', { cpuCores: 8 }), queued('a', {}), queued('b', {})],
      TOTAL,
      running,
      EMPTY_LINE,
    );
    expect([ids(start), line]).toEqual([['a', 'b'], { headId: 'large', passes: 2 }]);
  });

  test('when enough have passed it, nothing starts before it', () => {
    const running = [queued('r', {}).sandbox.limits];
    const line = { headId: 'large', passes: MAX_PASSES - 1 };
    const queue = [queued('large', { cpuCores: 8 }), queued('a', {}), queued('b', {})];
    const first = choose(queue, TOTAL, running, line);
    expect([ids(first.start), first.line.passes]).toEqual([['a'], MAX_PASSES]);
    expect(choose(queue, TOTAL, running, first.line).start).toEqual([]);
    expect(ids(choose(queue, TOTAL, [], first.line).start)).toEqual(['large']);
  });

  test('with no slot free, who waits keeps its place', () => {
    const full = Array.from({ length: 6 }, () => queued('r', {}).sandbox.limits);
    const line = { headId: 'large', passes: 7 };
    expect(choose([queued('large', { cpuCores: 8 })], TOTAL, full, line).line).toEqual(line);
    expect(choose([queued('other', { cpuCores: 8 })], TOTAL, full, line).line).toEqual(EMPTY_LINE);
  });
});

describe('under a stream of small tasks that never ends', () => {
  const size = fc.record({
    cpuCores: fc.double({ min: 0.1, max: 8, noNaN: true }),
    memoryBytes: fc.integer({ min: 1, max: 64 }),
    diskBytes: fc.integer({ min: 1, max: 64 }),
  });
  const small = fc.record({
    cpuCores: fc.double({ min: 0.1, max: 2, noNaN: true }),
    memoryBytes: fc.integer({ min: 1, max: 8 }),
  });
  const durations = fc.infiniteStream(fc.integer({ min: 1, max: 9 }));

  test('every task that fits the machine starts, after a bounded number of later ones', () => {
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(small),
        durations,
        (large, stream, lasting) => {
          const waiting = large.map((limits, index) => queued(`large ${index}`, limits));
          const passed = simulate(
            waiting,
            () => queued('small', stream.next().value),
            () => lasting.next().value,
            choose,
          );
          // Each task ahead may have been the head for a while, and each may be passed so often.
          expect(Math.max(...passed)).toBeLessThanOrEqual(MAX_PASSES * large.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('without the bound a large task waits for ever: the control', () => {
    const large = queued('large 0', { cpuCores: 8 });
    const simulation = () =>
      simulate(
        [large],
        () => queued('small', {}),
        () => 2,
        greedy,
      );
    expect(simulation).toThrow(/never started/);
  });
});

function greedy(...[queue, total, running]: Parameters<typeof choose>): ReturnType<typeof choose> {
  return choose(queue, total, running, EMPTY_LINE);
}

/** Time by steps; there are always small tasks behind the large ones. Returns how many small ones passed each large one. */
function simulate(
  large: readonly QueuedTask[],
  nextSmall: () => QueuedTask,
  duration: () => number,
  rule: typeof choose,
): number[] {
  const MAX_STEPS = 5000;
  let line: Line = EMPTY_LINE;
  // Ends at odd steps while the others end at even ones: the machine is never empty by chance.
  let running: { limits: Limits; endsAt: number }[] = [{ limits: nextSmall().sandbox.limits, endsAt: 1 }];
  let waiting = [...large];
  const smallOnes = Array.from({ length: 8 }, nextSmall);
  const passed: number[] = [];
  let smallStarted = 0;
  for (let step = 0; waiting.length > 0; step += 1) {
    if (step > MAX_STEPS) throw new Error(`${waiting.length} tasks never started`);
    running = running.filter(({ endsAt }) => endsAt > step);
    const choice = rule(
      [...waiting, ...smallOnes],
      TOTAL,
      running.map(({ limits }) => limits),
      line,
    );
    line = choice.line;
    for (const task of choice.start) {
      running.push({ limits: task.sandbox.limits, endsAt: step + duration() });
      if (task.id === 'small') {
        smallStarted += 1;
        smallOnes.splice(smallOnes.indexOf(task), 1, nextSmall());
      } else {
        passed.push(smallStarted);
        waiting = waiting.filter(({ id }) => id !== task.id);
      }
    }
  }
  return passed;
}
