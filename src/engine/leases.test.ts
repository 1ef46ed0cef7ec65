import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXIT, newMachine, newTask, openRig } from '../../test/doubles/engine-rig.ts';
import { openMemoryStore } from '../../test/doubles/memory-store.ts';
import { until } from '../../test/poll.ts';
import { BulkheadError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { isActive, isLegalTransition } from '../tes/states.ts';

const LEASE_MS = 30_000;

test('an engine that is stopped for longer than its lease touches nothing of what another has taken over', async () => {
  const commands = fc.array(fc.constantFrom(EXIT.zero, EXIT.three), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.nat(45), commands, fc.boolean(), async (lastTurn, argvs, isEarly) => {
      let clock = 1_000_000;
      const clocks = { now: () => clock, uptime: () => clock, leaseMs: LEASE_MS };
      const store = openMemoryStore(() => clock);
      const machine = newMachine();
      const [stopped, goingOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let turns = 0;
      // Every call waits here before its effect and before its answer: where a stopped process is found.
      const turn = async (): Promise<void> => {
        turns += 1;
        if (turns < lastTurn) return;
        stopped.resolve();
        await goingOn.promise;
      };
      const gates = { before: turn, after: turn };
      const one = openRig({
        machine,
        store: inTurns(store, turn),
        script: gates,
        engine: { ...clocks, holder: 'one' },
      });
      const starting = one.engine.start();
      const task = newTask(argvs);
      await store.create(task);
      one.engine.wake();
      const two = openRig({ machine, store, engine: { ...clocks, holder: 'two' } });
      await Promise.race([stopped.promise, two.ended(task.id)]);
      const hadIt = isActive((await two.task(task.id)).state);
      const calls = one.backend.calls.length;
      clock += LEASE_MS + 1;

      await two.engine.start();
      if (isEarly) goingOn.resolve();
      const { attempts, state } = await two.ended(task.id);
      goingOn.resolve();
      await starting;
      await one.engine.stop({ drain: true });
      await two.engine.stop({ drain: true });

      // Where the first was stopped in the middle of a start, it may have happened, and isn't done again.
      const isLost = attempts.at(-1)?.systemLogs.join().includes('attempt-lost') === true;
      expect(isLost ? ['SYSTEM_ERROR'] : ['COMPLETE', 'EXECUTOR_ERROR']).toContain(state);
      expect(machine.violations).toEqual([]);
      expect(machine.held).toEqual([]);
      const events = await store.events(task.id);
      for (const { from, to } of events.slice(1)) expect(isLegalTransition(from ?? 'UNKNOWN', to)).toBe(true);
      expect((await two.task(task.id)).state).toBe(state);
      const starts = attempts.flatMap(({ number }) => [
        ...(machine.find({ backend: 'scripted', taskId: task.id, number })?.executors.keys() ?? []),
      ]);
      expect(new Set(starts).size).toBe(starts.length);
      // But for freeing what it prepared too late, of which nobody else knows, and waiting for what it was starting.
      const later = one.backend.calls.slice(calls).map(({ method }) => method);
      if (hadIt) expect(later.filter((method) => !['release', 'wait'].includes(method))).toEqual([]);
    }),
    { numRuns: 400 },
  );
});

function inTurns(store: Store, turn: () => Promise<void>): Store {
  async function taken<T>(call: () => Promise<T>): Promise<T> {
    await turn();
    const result = await call();
    await turn();
    return result;
  }
  return {
    ...store,
    get: (...parameters) => taken(() => store.get(...parameters)),
    claim: (claim) => taken(() => store.claim(claim)),
    renew: (renewal) => taken(() => store.renew(renewal)),
    transition: (change) => taken(() => store.transition(change)),
    saveAttempt: (...parameters) => taken(() => store.saveAttempt(...parameters)),
    queued: (options) => taken(() => store.queued(options)),
  };
}

describe('leases', () => {
  test('are renewed while an attempt runs, so that nobody takes it over', async () => {
    const memory = openMemoryStore();
    let renewals = 0;
    const store: Store = {
      ...memory,
      renew: async (renewal) => {
        renewals += renewal.tokens.length;
        return await memory.renew(renewal);
      },
    };
    const machine = newMachine();
    const one = openRig({ machine, store, engine: { holder: 'one', leaseMs: 150 } });
    const two = openRig({ machine, store, engine: { holder: 'two', leaseMs: 150 } });
    await one.engine.start();
    const id = await one.submit([EXIT.hang]);
    await one.inState(id, 'RUNNING');
    await two.engine.start();
    await until(() => renewals > 8, { what: 'the lease to be renewed for longer than it lasts' });
    expect(two.backend.count('started', id)).toBe(0);
    await one.cancel(id);
    expect((await one.ended(id)).state).toBe('CANCELED');
    await one.engine.stop({ drain: true });
    await two.engine.stop({ drain: true });
  });

  test('that are not renewed in time are taken over by an engine that is there already', async () => {
    const store = openMemoryStore();
    const machine = newMachine();
    const gone: Store = { ...store, renew: async () => await new Promise<never>(() => undefined) };
    const one = openRig({ machine, store: gone, engine: { holder: 'one', leaseMs: 100 } });
    const two = openRig({ machine, store, engine: { holder: 'two', leaseMs: 100 } });
    await one.engine.start();
    const id = await one.submit([EXIT.hang]);
    await one.inState(id, 'RUNNING');
    await two.engine.start();
    await until(() => two.backend.count('wait', id) === 1, { what: 'the other engine to go on' });
    expect((await two.task(id)).attempts).toHaveLength(1);
    await two.cancel(id);
    expect((await two.ended(id)).state).toBe('CANCELED');
    await two.engine.stop({ drain: true });
    expect(machine.violations).toEqual([]);
  });

  test('whose task was canceled at another engine end it within a renewal', async () => {
    const rig = openRig({ engine: { leaseMs: 90 } });
    await rig.engine.start();
    const id = await rig.submit([EXIT.hang]);
    await rig.inState(id, 'RUNNING');
    await rig.store.cancel(id, { at: 1 });
    expect((await rig.ended(id)).state).toBe('CANCELED');
    await rig.engine.stop({ drain: true });
  });

  test('a store that fails for longer than a lease delays the next executor, and not the wall time', async () => {
    let clock = 1_000_000;
    const store = openMemoryStore(() => clock);
    let isDown = false;
    const refuse = (): void => {
      if (isDown) throw new BulkheadError('store-locked', 'the database is locked');
    };
    const shaky: Store = {
      ...store,
      renew: async (renewal) => {
        refuse();
        return await store.renew(renewal);
      },
      saveAttempt: async (...parameters) => {
        refuse();
        await store.saveAttempt(...parameters);
      },
    };
    const rig = openRig({
      store: shaky,
      engine: { now: () => clock, uptime: () => clock, leaseMs: LEASE_MS },
    });
    await rig.engine.start();
    const id = await rig.submit([EXIT.hang, EXIT.speak]);
    const limited = await rig.submit([EXIT.hang], { limits: { wallTimeMs: 300 } });
    await rig.inState(id, 'RUNNING');
    await rig.inState(limited, 'RUNNING');
    isDown = true;
    clock += LEASE_MS;
    const place = rig.machine.find({ backend: 'scripted', taskId: id, number: 1 });
    if (place !== undefined) rig.machine.finish(place, 0, 0);
    await until(() => rig.backend.count('kill', limited) > 0, { what: 'the kill at the wall time' });
    expect(rig.backend.count('start', id)).toBe(1);
    isDown = false;
    const { attempts, state } = await rig.ended(id);
    expect(state).toBe('COMPLETE');
    expect(attempts).toMatchObject([{ executors: [{ exitCode: 0 }, { stdout: 'out' }] }]);
    expect((await rig.ended(limited)).state).toBe('EXECUTOR_ERROR');
    await rig.engine.stop({ drain: true });
  });
});
