import { afterEach, describe, expect, test } from 'vitest';
import { EXIT, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig } from '../../test/doubles/engine-rig.ts';
import type { Method } from '../../test/doubles/scripted-backend.ts';
import { until } from '../../test/poll.ts';
import { BulkheadError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

let rig: Rig;

/** A backend of which a call fails so often, by the host's fault. */
async function openFailing(
  method: Method,
  times: number,
  { attempts, code = 'attempt-lost', firstMs = 1 }: { attempts: number; code?: ErrorCode; firstMs?: number },
): Promise<void> {
  let failures = times;
  rig = openRig({
    script: {
      before: (call) => {
        if (call.method === method && failures-- > 0) throw new BulkheadError(code, 'the host was restarted');
      },
    },
    engine: { limits: { retentionMs: null, attempts }, backOff: { firstMs, maxMs: firstMs * 4 } },
  });
  await rig.engine.start();
}

afterEach(async () => {
  await rig.engine.stop({ drain: true });
  expect(rig.machine.violations).toEqual([]);
  expect(rig.machine.held).toEqual([]);
});

describe('an attempt that is lost by the host’s fault', () => {
  test('ends its task where the site allows no other, and says so', async () => {
    await openFailing('wait', 1, { attempts: 1 });
    const id = await rig.submit([EXIT.hang]);
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('SYSTEM_ERROR');
    expect(attempts).toHaveLength(1);
    expect(attempts[0]?.systemLogs).toEqual([
      'attempt-lost: the host was restarted',
      expect.stringContaining('the site allows 1 (limits.attempts)'),
    ]);
  });

  test.each<[Method, number]>([
    ['wait', 1],
    ['stageIn', 1],
    ['stageOut', 1],
    ['wait', 2],
  ])('in %s, %i times, is followed by another where the site allows it, in order', async (method, times) => {
    await openFailing(method, times, { attempts: 3 });
    const id = await rig.submit([EXIT.speak]);
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('COMPLETE');
    expect(attempts.map(({ number }) => number)).toEqual(
      Array.from({ length: times + 1 }, (_, at) => at + 1),
    );
    for (const [index, attempt] of attempts.slice(0, times).entries()) {
      expect(attempt.endedAt).toBeDefined();
      expect(attempt.systemLogs.join('\n')).toContain(`tried again (attempt ${index + 1} of 3)`);
    }
    expect(attempts.at(-1)?.executors).toMatchObject([{ exitCode: 0, stdout: 'out' }]);
    for (const { number } of attempts)
      expect(
        rig.machine.find({ backend: 'scripted', taskId: id, number })?.executors.size ?? 0,
      ).toBeLessThanOrEqual(1);
  });

  test('is not followed by more than the site allows', async () => {
    await openFailing('wait', 9, { attempts: 2 });
    const { attempts, state } = await rig.ended(await rig.submit([EXIT.speak]));
    expect(state).toBe('SYSTEM_ERROR');
    expect(attempts).toHaveLength(2);
    expect(attempts[1]?.systemLogs.join('\n')).toContain('the site allows 2');
  });

  test('waits before the next, while other tasks run', async () => {
    await openFailing('wait', 1, { attempts: 2, firstMs: 600_000 });
    const lost = await rig.submit([EXIT.speak]);
    await until(async () => (await rig.states(lost)).at(-1) === 'QUEUED', {
      what: 'the first attempt to be lost',
    });
    await until(() => rig.machine.held.length === 0, { what: 'its place to be free' });
    expect((await rig.ended(await rig.submit([EXIT.zero]))).state).toBe('COMPLETE');
    expect((await rig.task(lost)).state).toBe('QUEUED');
    // A cancel finds it in the queue, as any other.
    await rig.cancel(lost);
    expect((await rig.ended(lost)).state).toBe('CANCELED');
  });

  test('is none where the task, the image or the storage is at fault', async () => {
    await openFailing('wait', 1, { attempts: 3, code: 'evidence' });
    const { attempts, state } = await rig.ended(await rig.submit([EXIT.speak]));
    expect(state).toBe('SYSTEM_ERROR');
    expect(attempts).toHaveLength(1);
  });
});
