/**
 * What every `Store` does. An implementation calls `storeContract` in its own test with a function that opens a new,
 * empty store.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { isLegalTransition, isTerminal, TES_STATES, type TesState } from '../../src/tes/states.ts';
import { storeLeaseContract } from './store-lease.ts';
import { storeListContract } from './store-list.ts';
import { storeModelContract } from './store-model.ts';
import { fullAttempt, fullTask, newTask, SANDBOX, taskIn, WAYS } from './store-samples.ts';

export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} as a store`, () => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());

    describe('create and get', () => {
      test('a task comes back as it was, QUEUED, with its creation as the first event', async () => {
        const task = fullTask();
        expect(await store.create(task)).toEqual({ id: task.id, replayed: false });
        const record = await store.get(task.id, { view: 'FULL' });
        const { idempotencyKey: _key, ...stored } = task;
        expect(record).toEqual({ ...stored, sequence: record?.sequence, state: 'QUEUED', attempts: [] });
        expect(await store.events(task.id)).toEqual([
          { at: task.createdAt, from: null, to: 'QUEUED', reason: null },
        ]);
      });

      test('the sequence grows', async () => {
        const tasks = [newTask(), newTask(), newTask()];
        for (const task of tasks) await store.create(task);
        const sequences = await Promise.all(
          tasks.map(async ({ id }) => (await store.get(id, { view: 'MINIMAL' }))?.sequence ?? 0),
        );
        expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
        expect(new Set(sequences).size).toBe(3);
      });

      test('an id that is taken is refused, and the first task stays', async () => {
        const task = newTask();
        await store.create(task);
        await expect(store.create(newTask({ id: task.id, owner: 'bob' }))).rejects.toMatchObject({
          code: 'internal',
        });
        expect(await store.get(task.id, { view: 'FULL' })).toMatchObject({ owner: 'alice' });
      });

      test('an unknown task, and another owner’s, does not exist', async () => {
        const task = newTask({ owner: 'alice' });
        await store.create(task);
        expect(await store.get('nobody', { view: 'FULL' })).toBeUndefined();
        expect(await store.get(task.id, { owner: 'bob', view: 'FULL' })).toBeUndefined();
        expect(await store.get(task.id, { owner: 'alice', view: 'FULL' })).toBeDefined();
        expect(await store.events('nobody')).toEqual([]);
      });

      test('MINIMAL has no document and no attempt', async () => {
        const task = fullTask();
        await store.create(task);
        await store.saveAttempt(task.id, fullAttempt());
        expect(await store.get(task.id, { view: 'MINIMAL' })).toMatchObject({
          state: 'QUEUED',
          document: { executors: [] },
          sandbox: SANDBOX,
          attempts: [],
        });
      });

      test('BASIC leaves out content, stdout, stderr and system logs, and nothing else', async () => {
        const task = fullTask();
        await store.create(task);
        await store.saveAttempt(task.id, fullAttempt());
        const [first, ...others] = fullAttempt().executors;
        const { stdout: _stdout, stderr: _stderr, ...slim } = first ?? { index: 0, startedAt: 0 };
        const inputs = task.document.inputs?.map(({ content: _content, ...input }) => input);
        expect(await store.get(task.id, { view: 'BASIC' })).toMatchObject({
          document: { ...task.document, inputs },
          attempts: [fullAttempt({ systemLogs: [], executors: [slim, ...others] })],
        });
        const text = JSON.stringify(await store.get(task.id, { view: 'BASIC' }));
        expect(text).not.toMatch(/"content"|"stdout"|"stderr"/);
      });

      test('a document of 10 MB comes back whole', async () => {
        const content = 'é'.repeat(5 * 2 ** 20);
        const task = newTask({ document: { executors: [], inputs: [{ path: '/a', content }] } });
        await store.create(task);
        const record = await store.get(task.id, { view: 'FULL' });
        expect(record?.document.inputs?.[0]?.content === content).toBe(true);
      });
    });

    describe('idempotency keys', () => {
      test('the same key and document answers the first task, in whatever order its keys are', async () => {
        const key = 'retry-1';
        const executors = [{ image: 'a', command: ['b'] }];
        const first = newTask({
          idempotencyKey: key,
          document: { name: 'n', tags: { a: '1', b: '2' }, executors },
        });
        const again = newTask({
          idempotencyKey: key,
          document: { executors, tags: { b: '2', a: '1' }, name: 'n' },
        });
        expect(await store.create(first)).toEqual({ id: first.id, replayed: false });
        expect(await store.create(again)).toEqual({ id: first.id, replayed: true });
        expect(await store.get(again.id, { view: 'MINIMAL' })).toBeUndefined();
      });

      test('the same key with another document is a conflict that names the task', async () => {
        const first = newTask({ idempotencyKey: 'retry-2' });
        await store.create(first);
        const other = fullTask({ idempotencyKey: 'retry-2' });
        await expect(store.create(other)).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining(first.id),
        });
        const content = newTask({ idempotencyKey: 'retry-3', document: contentDocument('1') });
        await store.create(content);
        await expect(
          store.create(newTask({ idempotencyKey: 'retry-3', document: contentDocument('2') })),
        ).rejects.toMatchObject({ code: 'conflict' });
      });

      test('a key is its owner’s alone', async () => {
        await store.create(newTask({ idempotencyKey: 'retry-4', owner: 'alice' }));
        const bobs = fullTask({ idempotencyKey: 'retry-4', owner: 'bob' });
        expect(await store.create(bobs)).toEqual({ id: bobs.id, replayed: false });
      });

      test('of many at once with one key, one is created', async () => {
        const tasks = Array.from({ length: 50 }, () => newTask({ idempotencyKey: 'retry-5' }));
        const answers = await Promise.all(tasks.map((task) => store.create(task)));
        expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
        expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
      });
    });

    describe('transitions', () => {
      const reachable = TES_STATES.filter((state) => WAYS[state] !== undefined);
      const pairs = reachable.flatMap((from) => TES_STATES.map((to) => [from, to] as const));

      test.each(pairs)('%s to %s happens if the table has it, with an event', async (from, to) => {
        const { id } = await taskIn(from, store);
        const before = await store.events(id);
        const change = { id, from, to, at: 1_700_000_005_000, reason: 'because' };
        if (isLegalTransition(from, to)) {
          expect(await store.transition(change)).toBe(true);
          expect(await store.get(id, { view: 'MINIMAL' })).toMatchObject({ state: to });
          expect(await store.events(id)).toEqual([...before, { at: change.at, from, to, reason: 'because' }]);
        } else {
          await expect(store.transition(change)).rejects.toMatchObject({
            code: 'internal',
            message: expect.stringMatching(new RegExp(`${from}.*${to}`)),
          });
          expect(await store.get(id, { view: 'MINIMAL' })).toMatchObject({ state: from });
          expect(await store.events(id)).toEqual(before);
        }
      });

      test('a state that is not the one expected changes nothing, nor does an unknown task', async () => {
        const { id } = await taskIn('INITIALIZING', store);
        const events = await store.events(id);
        const change = { from: 'QUEUED', to: 'INITIALIZING', at: 1, attempt: fullAttempt() } as const;
        expect(await store.transition({ id, ...change })).toBe(false);
        expect(await store.transition({ id: 'nobody', ...change })).toBe(false);
        expect(await store.events(id)).toEqual(events);
        expect((await store.get(id, { view: 'FULL' }))?.attempts).toEqual([]);
      });

      test('of many at once, one wins', async () => {
        const { id } = await taskIn('QUEUED', store);
        const change = { id, from: 'QUEUED', to: 'INITIALIZING', at: 1 } as const;
        const won = await Promise.all(Array.from({ length: 50 }, () => store.transition(change)));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await store.events(id)).toHaveLength(2);
      });

      test('an attempt is written with the change', async () => {
        const { id } = await taskIn('QUEUED', store);
        await store.transition({ id, from: 'QUEUED', to: 'INITIALIZING', at: 1, attempt: fullAttempt() });
        expect((await store.get(id, { view: 'FULL' }))?.attempts).toEqual([fullAttempt()]);
      });
    });

    describe('cancel', () => {
      const after: Partial<Record<TesState, TesState>> = {
        QUEUED: 'CANCELED',
        INITIALIZING: 'CANCELING',
        RUNNING: 'CANCELING',
      };

      test.each(TES_STATES.filter((state) => WAYS[state] !== undefined))('in %s', async (before) => {
        const { id, owner } = await taskIn(before, store);
        const events = await store.events(id);
        const expected = after[before] ?? before;
        expect(await store.cancel(id, { owner, at: 7 })).toEqual({ before, after: expected });
        expect(await store.get(id, { view: 'MINIMAL' })).toMatchObject({ state: expected });
        const more =
          expected === before ? [] : [{ at: 7, from: before, to: expected, reason: expect.any(String) }];
        expect(await store.events(id)).toEqual([...events, ...more]);
      });

      test('an unknown task, and another owner’s, is not canceled', async () => {
        const { id } = await taskIn('QUEUED', store, newTask({ owner: 'alice' }));
        expect(await store.cancel('nobody', { at: 1 })).toBeUndefined();
        expect(await store.cancel(id, { owner: 'bob', at: 1 })).toBeUndefined();
        expect(await store.get(id, { view: 'MINIMAL' })).toMatchObject({ state: 'QUEUED' });
      });
    });

    describe('attempts', () => {
      test('are replaced as a whole, one by one, in order', async () => {
        const { id } = await taskIn('RUNNING', store);
        const saved = async () => (await store.get(id, { view: 'FULL' }))?.attempts;
        await store.saveAttempt(id, fullAttempt({ number: 2 }));
        await store.saveAttempt(id, fullAttempt({ number: 1 }));
        expect(await saved()).toEqual([fullAttempt({ number: 1 }), fullAttempt({ number: 2 })]);

        const [first] = fullAttempt().executors;
        const changed = fullAttempt({
          executors: [{ index: 0, startedAt: first?.startedAt ?? 0, stdout: 'more' }],
          systemLogs: [],
          metadata: {},
          outputs: [],
        });
        await store.saveAttempt(id, changed);
        expect(await saved()).toEqual([changed, fullAttempt({ number: 2 })]);
        const { handle: _handle, endedAt: _endedAt, ...bare } = fullAttempt({ executors: [] });
        await store.saveAttempt(id, bare);
        expect(await saved()).toEqual([bare, fullAttempt({ number: 2 })]);
        expect(await store.get(id, { view: 'MINIMAL' })).toMatchObject({ state: 'RUNNING' });
      });

      test('of an unknown task are refused', async () => {
        await expect(store.saveAttempt('nobody', fullAttempt())).rejects.toMatchObject({ code: 'not-found' });
      });
    });

    test('purge removes what ended before a time, up to a limit, and frees its idempotency key', async () => {
      const fresh = await open();
      try {
        const keyed = newTask({ idempotencyKey: 'purged', createdAt: 1_000 });
        await taskIn('COMPLETE', fresh, keyed);
        await fresh.saveAttempt(keyed.id, fullAttempt());
        const others = [fullTask({ createdAt: 1_000 }), fullTask({ createdAt: 1_000 })];
        for (const task of others) await taskIn('EXECUTOR_ERROR', fresh, task);
        const later = await taskIn('COMPLETE', fresh, newTask({ createdAt: 5_000 }));
        const active = await taskIn('RUNNING', fresh, newTask({ createdAt: 1_000 }));

        expect(await fresh.purge({ endedBefore: 1_001, limit: 10 })).toEqual([]);
        const two = await fresh.purge({ endedBefore: 5_000, limit: 2 });
        expect(two).toHaveLength(2);
        const rest = await fresh.purge({ endedBefore: 5_000, limit: 10 });
        expect(new Set([...two, ...rest])).toEqual(new Set([keyed, ...others].map(({ id }) => id)));

        for (const { id } of [keyed, ...others]) {
          expect(await fresh.get(id, { view: 'FULL' })).toBeUndefined();
          expect(await fresh.events(id)).toEqual([]);
        }
        for (const { id } of [later, active]) expect(await fresh.get(id, { view: 'FULL' })).toBeDefined();
        const query = { view: 'MINIMAL', pageSize: 9, tags: [{ key: 'project', value: 'p1' }] } as const;
        expect(await fresh.list(query)).toEqual({ tasks: [] });
        expect(await fresh.create(newTask({ idempotencyKey: 'purged' }))).toMatchObject({ replayed: false });
      } finally {
        await fresh.close();
      }
    });

    test('counts tell every state that has tasks', async () => {
      const fresh = await open();
      try {
        expect(await fresh.counts()).toEqual({});
        for (const state of ['QUEUED', 'QUEUED', 'RUNNING', 'CANCELED'] as const) await taskIn(state, fresh);
        expect(await fresh.counts()).toEqual({ QUEUED: 2, RUNNING: 1, CANCELED: 1 });
      } finally {
        await fresh.close();
      }
    });

    test('active tells every task that may hold resources, with its attempts', async () => {
      const fresh = await open();
      try {
        const expected: string[] = [];
        for (const state of TES_STATES.filter((known) => WAYS[known] !== undefined)) {
          const { id } = await taskIn(state, fresh, fullTask());
          if (state !== 'QUEUED' && !isTerminal(state)) expected.push(id);
          await fresh.saveAttempt(id, fullAttempt());
        }
        const active = await fresh.active();
        expect(active.map(({ id }) => id)).toEqual(expected);
        for (const record of active) expect(record.attempts).toEqual([fullAttempt()]);
      } finally {
        await fresh.close();
      }
    });

    test('closing waits for what is under way, and ends the store', async () => {
      const fresh = await open();
      const creations = Array.from({ length: 20 }, () => fresh.create(newTask()));
      await Promise.all([fresh.close(), ...creations]);
      await expect(fresh.create(newTask())).rejects.toMatchObject({ code: 'store' });
      await expect(fresh.get('x', { view: 'FULL' })).rejects.toMatchObject({ code: 'store' });
      await fresh.close();
    });

    storeLeaseContract(open);
    storeListContract(open);
    storeModelContract(open);
  });
}

function contentDocument(content: string) {
  return { executors: [], inputs: [{ path: '/a', content }] };
}
