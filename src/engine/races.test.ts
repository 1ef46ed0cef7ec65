import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EXIT, newMachine, newTask, openRig } from '../../test/doubles/engine-rig.ts';
import type { Rig } from '../../test/doubles/engine-rig.ts';
import { openMemoryStore } from '../../test/doubles/memory-store.ts';
import type { Call } from '../../test/doubles/scripted-backend.ts';
import { BulkheadError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { isLegalTransition, isTerminal } from '../tes/states.ts';

/** Every call of the store and the backend waits for its turn before its effect and again before its answer. */
type Turn = (label: string) => Promise<void>;

const commands = fc.array(fc.constantFrom(EXIT.zero, EXIT.three, EXIT.hang), { minLength: 1, maxLength: 3 });
const commandsThatEnd = fc.array(fc.constantFrom(EXIT.zero, EXIT.three), { minLength: 1, maxLength: 3 });
/** After how many turns each of some cancels comes; the last comes in any case, since tasks may hang. */
const cancels = fc.array(fc.nat(40), { minLength: 1, maxLength: 2 });

test('whenever a cancel comes, a task ends legally, starts nothing twice, frees everything once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      commands,
      cancels,
      fc.boolean(),
      async (scheduler, argvs, delays, ignoreError) => {
        const turn: Turn = async (label) => await scheduler.schedule(Promise.resolve(), label);
        const { id, rig } = await race(
          scheduler,
          turn,
          argvs,
          delays,
          ignoreError,
          async ({ method }) => await turn(method),
        );
        await expectOrder(rig, id);
        expect(rig.errors).toEqual([]);
        expect(rig.backend.count('release', id)).toBe(
          rig.backend.count('prepare', id) === 0 || wasNeverHeld(rig, id) ? 0 : 1,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('the same where calls fail and answers are lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      commands,
      cancels,
      fc.infiniteStream(fc.nat(9)),
      async (scheduler, argvs, delays, luck) => {
        const turn: Turn = async (label) => await scheduler.schedule(Promise.resolve(), label);
        const unsafe: Turn = async (label) => {
          await turn(label);
          if (luck.next().value === 0) throw new BulkheadError('store', `${label} failed`);
        };
        const { id, rig } = await race(
          scheduler,
          unsafe,
          argvs,
          delays,
          false,
          async ({ method }, isBefore) => {
            // A prepare that fails leaves nothing, and one that succeeded says so.
            await (method === 'prepare' && !isBefore ? turn : unsafe)(method);
          },
        );
        await expectOrder(rig, id);
      },
    ),
    { numRuns: 500 },
  );
});

test('whenever a process dies, the next one ends its task, and no executor runs twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(45), commandsThatEnd, fc.boolean(), async (lastTurn, argvs, isCanceled) => {
      const store = openMemoryStore();
      const machine = newMachine();
      const died = Promise.withResolvers<void>();
      let turns = 0;
      // From its last turn on, no call of the process has an effect or an answer.
      const turn = async (): Promise<void> => {
        turns += 1;
        if (turns < lastTurn) return;
        died.resolve();
        await new Promise<never>(() => undefined);
      };
      const first = openRig({ machine, store: inTurns(store, turn), script: { before: turn, after: turn } });
      first.engine.start().catch(() => undefined);
      const task = newTask(argvs);
      await store.create(task);
      first.engine.wake();
      await Promise.race([died.promise, first.ended(task.id)]);
      if (isCanceled) await store.cancel(task.id, { at: Date.now() });

      const second = openRig({ machine, store });
      await second.engine.start();
      const { attempts, state } = await second.ended(task.id);
      await second.engine.stop({ drain: true });
      expect([...(isCanceled ? ['CANCELED'] : []), 'COMPLETE', 'EXECUTOR_ERROR']).toContain(state);
      expect(machine.violations).toEqual([]);
      expect(machine.held).toEqual([]);
      const starts = attempts.flatMap(({ number }) => [
        ...(machine.find({ backend: 'scripted', taskId: task.id, number })?.executors.keys() ?? []),
      ]);
      expect(new Set(starts).size).toBe(starts.length);
    }),
    { numRuns: 300 },
  );
});

/** One task on an engine of its own, canceled after some turns, until nothing is under way. */
async function race(
  scheduler: fc.Scheduler,
  turn: Turn,
  argvs: readonly (readonly string[])[],
  delays: readonly number[],
  ignoreError: boolean,
  gate: (call: Call, isBefore: boolean) => Promise<void>,
): Promise<{ rig: Rig; id: string }> {
  const store = openMemoryStore();
  let isOpen = false;
  const rig = openRig({
    store: inTurns(store, async (label) => (isOpen ? await turn(label) : undefined)),
    script: {
      before: async (call) => (isOpen ? await gate(call, true) : undefined),
      after: async (call) => (isOpen ? await gate(call, false) : undefined),
    },
  });
  await rig.engine.start();
  isOpen = true;
  const task = newTask(argvs, { executor: { ignore_error: ignoreError } });
  await store.create(task);
  rig.engine.wake();

  async function cancelAll(): Promise<void> {
    for (const delay of delays) {
      for (let count = 0; count < delay; count += 1) await scheduler.schedule(Promise.resolve(), 'later');
      await store.cancel(task.id, { at: Date.now() });
      rig.engine.cancel(task.id);
    }
    await rig.engine.stop({ drain: true });
  }

  await scheduler.waitFor(cancelAll());
  const record = await store.get(task.id, { view: 'FULL' });
  expect(isTerminal(record?.state ?? 'UNKNOWN')).toBe(true);
  expect(rig.machine.violations).toEqual([]);
  expect(rig.machine.held).toEqual([]);
  isOpen = false;
  return { rig, id: task.id };
}

async function expectOrder(rig: Rig, id: string): Promise<void> {
  const events = await rig.store.events(id);
  for (const { from, to } of events.slice(1)) expect(isLegalTransition(from ?? 'UNKNOWN', to)).toBe(true);
  const { attempts, state } = await rig.task(id);
  const executors = attempts.flatMap((attempt) => attempt.executors);
  if (state === 'COMPLETE') expect(executors.every(({ exitCode }) => exitCode !== undefined)).toBe(true);
  for (const { index } of executors) {
    // A lost answer of `start` is not asked for again.
    expect(rig.backend.calls.filter((call) => call.method === 'start' && call.index === index)).toHaveLength(
      1,
    );
  }
}

/** The prepare was aborted before its effect. */
function wasNeverHeld(rig: Rig, taskId: string): boolean {
  return rig.machine.find({ backend: 'scripted', taskId, number: 1 }) === undefined;
}

function inTurns(store: Store, turn: Turn): Store {
  async function taken<T>(label: string, call: () => Promise<T>): Promise<T> {
    await turn(`${label} begins`);
    const result = await call();
    await turn(`${label} answers`);
    return result;
  }
  return {
    ...store,
    get: (...parameters) => taken('get', () => store.get(...parameters)),
    claim: (claim) => taken('claim', () => store.claim(claim)),
    transition: (change) => taken(`to ${change.to}`, () => store.transition(change)),
    saveAttempt: (...parameters) => taken('save', () => store.saveAttempt(...parameters)),
    queued: (options) => taken('queued', () => store.queued(options)),
  };
}
