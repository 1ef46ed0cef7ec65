import { afterEach, describe, expect, test } from 'vitest';
import { EXIT, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig } from '../../test/doubles/engine-rig.ts';
import type { Call, Method, Script } from '../../test/doubles/scripted-backend.ts';
import { until } from '../../test/poll.ts';

let rig: Rig;

async function open(script: Script = {}): Promise<void> {
  rig = openRig({ script });
  await rig.engine.start();
}

/** Holds the first call of a method until it is let go, or aborted where the port gives a signal. */
function hold(
  method: Method,
  place: 'before' | 'after',
): { readonly script: Script; readonly reached: Promise<void>; letGo(): void } {
  const reached = Promise.withResolvers<void>();
  const letGo = Promise.withResolvers<void>();
  let isFirst = true;
  async function gate(call: Call, signal?: AbortSignal): Promise<void> {
    if (call.method !== method || !isFirst) return;
    isFirst = false;
    reached.resolve();
    signal?.addEventListener('abort', () => letGo.resolve());
    await letGo.promise;
  }
  return { script: { [place]: gate }, reached: reached.promise, letGo: () => letGo.resolve() };
}

afterEach(async () => {
  await rig.engine.stop({ drain: true });
  expect(rig.machine.violations).toEqual([]);
  expect(rig.machine.held).toEqual([]);
  expect(rig.errors).toEqual([]);
});

describe('a cancel', () => {
  test('of a task in the queue: nothing of it ever starts', async () => {
    await open();
    const first = await rig.submit([EXIT.hang], { limits: { cpuCores: 4 } });
    await rig.inState(first, 'RUNNING');
    const second = await rig.submit([EXIT.zero], { limits: { cpuCores: 4 } });
    await rig.cancel(second);
    await rig.cancel(first);
    await rig.ended(first);
    expect(await rig.states(second)).toEqual(['QUEUED', 'CANCELED']);
    expect(rig.backend.count('prepare', second)).toBe(0);
  });

  test('while the image is pulled aborts the pull', async () => {
    const held = hold('prepare', 'before');
    await open(held.script);
    const id = await rig.submit([EXIT.zero]);
    await held.reached;
    await rig.cancel(id);
    expect((await rig.ended(id)).state).toBe('CANCELED');
    expect(await rig.states(id)).toEqual(['QUEUED', 'INITIALIZING', 'CANCELING', 'CANCELED']);
    expect(rig.backend.count('start', id)).toBe(0);
  });

  test.each<[Method, 'before' | 'after', boolean]>([
    ['prepare', 'after', false],
    ['stageIn', 'before', false],
    ['stageIn', 'after', false],
    ['start', 'before', false],
    ['start', 'after', true],
    ['wait', 'before', true],
    ['stageOut', 'before', true],
    ['stageOut', 'after', true],
  ])('at %s, %s its effect, frees everything and then is CANCELED', async (method, place, hasStarted) => {
    const held = hold(method, place);
    await open(held.script);
    const id = await rig.submit([method === 'wait' || method === 'start' ? EXIT.hang : EXIT.zero]);
    await held.reached;
    await rig.cancel(id);
    // The handle is known by then, so the kill comes first and is for good.
    if (method === 'start') await until(() => rig.backend.count('kill', id) > 0, { what: 'the kill' });
    held.letGo();
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('CANCELED');
    expect(rig.machine.find({ backend: 'scripted', taskId: id, number: 1 })?.executors.size).toBe(
      hasStarted ? 1 : 0,
    );
    expect(rig.backend.count('release', id)).toBe(1);
    expect(attempts[0]).toMatchObject({
      endedAt: expect.any(Number),
      systemLogs: expect.arrayContaining(['canceled']),
    });
  });

  test('of a running task is CANCELING until everything is gone', async () => {
    const held = hold('release', 'before');
    await open(held.script);
    const id = await rig.submit([EXIT.hang]);
    await rig.inState(id, 'RUNNING');
    await rig.cancel(id);
    await held.reached;
    expect((await rig.task(id)).state).toBe('CANCELING');
    held.letGo();
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('CANCELED');
    expect(attempts[0]?.executors).toMatchObject([{ exitCode: 137 }]);
    expect(rig.backend.calls.find(({ method }) => method === 'kill')).toMatchObject({ reason: 'canceled' });
  });

  test('after the end changes nothing', async () => {
    const held = hold('release', 'before');
    await open(held.script);
    const id = await rig.submit([EXIT.zero]);
    await held.reached;
    await rig.cancel(id);
    held.letGo();
    await rig.ended(id);
    await rig.cancel(id);
    expect(await rig.states(id)).toEqual(['QUEUED', 'INITIALIZING', 'RUNNING', 'COMPLETE']);
    expect(rig.backend.count('kill', id)).toBe(0);
  });

  test('that nobody told the engine of is found at the next transition', async () => {
    const held = hold('stageOut', 'before');
    await open(held.script);
    const id = await rig.submit([EXIT.zero]);
    await held.reached;
    await rig.store.cancel(id, { at: Date.now() });
    held.letGo();
    expect((await rig.ended(id)).state).toBe('CANCELED');
  });

  test('for which the store has no word is none', async () => {
    await open();
    const id = await rig.submit([EXIT.hang]);
    await rig.inState(id, 'RUNNING');
    rig.engine.cancel(id);
    rig.engine.cancel('no such task');
    await until(async () => (await rig.task(id)).state === 'RUNNING', { what: 'nothing' });
    await rig.cancel(id);
    expect((await rig.ended(id)).state).toBe('CANCELED');
  });

  test('of a task that can’t be killed yet stays CANCELING and holds its room until it can', async () => {
    let failures = 5;
    await open({
      before: ({ method }) => {
        if (method === 'kill' && failures-- > 0) throw new Error('not now');
      },
    });
    const id = await rig.submit([EXIT.hang]);
    await rig.inState(id, 'RUNNING');
    await rig.cancel(id);
    expect((await rig.ended(id)).state).toBe('CANCELED');
    expect(failures).toBeLessThanOrEqual(0);
  });
});
