/** Who may write to a task that is under way, and until when. Random operations beside a model are in `store-lease-model.ts`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Claimed, Store } from '../../src/store/store.ts';
import { storeLeaseModelContract } from './store-lease-model.ts';
import { fullAttempt, newTask, taskIn } from './store-samples.ts';

/** Longer than any test, so that only what has a lease of no time is over. */
const LONG_MS = 3_600_000;

export function storeLeaseContract(open: () => Promise<Store>): void {
  describe('leases', () => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());

    async function claim(id: string, holder = 'one', leaseMs = LONG_MS): Promise<Claimed | undefined> {
      return await store.claim({ id, at: 5, holder, leaseMs, attempt: fullAttempt() });
    }

    async function claimed(holder = 'one', leaseMs = LONG_MS): Promise<{ id: string; token: number }> {
      const { id } = await taskIn('QUEUED', store);
      const { token = -1 } = (await claim(id, holder, leaseMs)) ?? {};
      return { id, token };
    }

    async function stateOf(id: string): Promise<string | undefined> {
      return (await store.get(id, { view: 'MINIMAL' }))?.state;
    }

    test('a claim makes a queued task INITIALIZING, with its attempt and its event, under a token', async () => {
      const { id } = await taskIn('QUEUED', store);
      expect(await claim(id)).toEqual({ token: expect.any(Number), state: 'INITIALIZING' });
      expect(await store.get(id, { view: 'FULL' })).toMatchObject({
        state: 'INITIALIZING',
        attempts: [fullAttempt()],
      });
      expect((await store.events(id)).at(-1)).toEqual({
        at: 5,
        from: 'QUEUED',
        to: 'INITIALIZING',
        reason: null,
      });
    });

    test('of many at once, one claims', async () => {
      const { id } = await taskIn('QUEUED', store);
      const all = await Promise.all(Array.from({ length: 30 }, (_, index) => claim(id, `holder ${index}`)));
      expect(all.filter((one) => one !== undefined)).toHaveLength(1);
    });

    test('a claim whose answer was lost is answered again, also once a cancel has come', async () => {
      const { id, token } = await claimed();
      expect(await claim(id)).toEqual({ token, state: 'INITIALIZING' });
      expect(await claim(id, 'two')).toBeUndefined();
      await store.cancel(id, { at: 6 });
      expect(await claim(id)).toEqual({ token, state: 'CANCELING' });
      expect(await store.events(id)).toHaveLength(3);
    });

    test('what runs, has ended or doesn’t exist is not claimed', async () => {
      const { id, token } = await claimed();
      await store.transition({ id, from: 'INITIALIZING', to: 'RUNNING', at: 6, token });
      expect(await claim(id)).toBeUndefined();
      await store.transition({ id, from: 'RUNNING', to: 'COMPLETE', at: 7, token });
      expect(await claim(id)).toBeUndefined();
      expect(await claim('nobody')).toBeUndefined();
    });

    test('tokens grow from claim to claim, also after leases ended and tasks were purged', async () => {
      const fresh = await open();
      try {
        let last = 0;
        for (let round = 0; round < 5; round += 1) {
          const { id } = await taskIn('QUEUED', fresh);
          const { token = -1 } =
            (await fresh.claim({ id, at: 1, holder: 'one', leaseMs: LONG_MS, attempt: fullAttempt() })) ?? {};
          expect(token).toBeGreaterThan(last);
          last = token;
          await fresh.transition({ id, from: 'INITIALIZING', to: 'SYSTEM_ERROR', at: 2, token });
          expect(await fresh.purge({ endedBefore: 3, limit: 9 })).toEqual([id]);
        }
      } finally {
        await fresh.close();
      }
    });

    test('only the token of the lease may write', async () => {
      const { id, token } = await claimed();
      const before = await store.get(id, { view: 'FULL' });
      const events = await store.events(id);
      const attempt = fullAttempt({ systemLogs: ['of somebody else'] });
      for (const wrong of [{}, { token: token - 1 }, { token: token + 1 }]) {
        for (const from of ['INITIALIZING', 'RUNNING'] as const) {
          await expect(
            store.transition({ id, from, to: 'SYSTEM_ERROR', at: 6, attempt, ...wrong }),
          ).rejects.toMatchObject({ code: 'fenced', message: expect.stringContaining(String(token)) });
        }
        await expect(store.saveAttempt(id, attempt, wrong.token)).rejects.toMatchObject({ code: 'fenced' });
      }
      expect(await store.get(id, { view: 'FULL' })).toEqual(before);
      expect(await store.events(id)).toEqual(events);

      await store.saveAttempt(id, attempt, token);
      expect((await store.get(id, { view: 'FULL' }))?.attempts).toEqual([attempt]);
      expect(await store.transition({ id, from: 'INITIALIZING', to: 'RUNNING', at: 6, token })).toBe(true);
    });

    test('anybody may cancel', async () => {
      const { id } = await claimed();
      expect(await store.cancel(id, { at: 6 })).toEqual({ before: 'INITIALIZING', after: 'CANCELING' });
    });

    test.each(['COMPLETE', 'EXECUTOR_ERROR', 'SYSTEM_ERROR', 'QUEUED'] as const)(
      'a lease ends with %s, and its token writes no more',
      async (to) => {
        const { id, token } = await claimed();
        await store.transition({ id, from: 'INITIALIZING', to: 'RUNNING', at: 6, token });
        expect(await store.transition({ id, from: 'RUNNING', to, at: 7, token })).toBe(true);
        await expect(store.saveAttempt(id, fullAttempt(), token)).rejects.toMatchObject({ code: 'fenced' });
        expect(await store.renew({ tokens: [token], leaseMs: LONG_MS })).toEqual([]);
        if (to !== 'QUEUED') return;
        const again = await claim(id, 'two');
        expect(again?.token).toBeGreaterThan(token);
        await expect(
          store.transition({ id, from: 'INITIALIZING', to: 'RUNNING', at: 8, token }),
        ).rejects.toMatchObject({ code: 'fenced' });
      },
    );

    test('renewing tells which leases there are, and in which state their tasks are', async () => {
      const [first, second, other] = [await claimed(), await claimed(), await claimed('two')];
      await store.cancel(second.id, { at: 6 });
      const tokens = [first.token, second.token, 10 ** 9];
      const renewed = await store.renew({ tokens, leaseMs: LONG_MS });
      expect(renewed.toSorted((a, b) => a.token - b.token)).toEqual([
        { token: first.token, state: 'INITIALIZING' },
        { token: second.token, state: 'CANCELING' },
      ]);
      expect(await store.renew({ tokens: [], leaseMs: LONG_MS })).toEqual([]);
      expect(await stateOf(other.id)).toBe('INITIALIZING');
    });

    test('what is over in time is taken over, by a new token that fences the old one', async () => {
      const fresh = await open();
      try {
        const attempt = fullAttempt();
        const tasks = [newTask(), newTask(), newTask()];
        const tokens: number[] = [];
        for (const [index, task] of tasks.entries()) {
          await fresh.create(task);
          const leaseMs = index === 0 ? LONG_MS : 0;
          tokens.push(
            (await fresh.claim({ id: task.id, at: 1, holder: 'one', leaseMs, attempt }))?.token ?? 0,
          );
        }
        await fresh.create(newTask());
        // Renewed in time.
        await fresh.renew({ tokens: tokens.slice(1, 2), leaseMs: LONG_MS });

        const taken = await fresh.takeOver({ holder: 'two', leaseMs: LONG_MS, own: false });
        expect(taken).toEqual([{ id: tasks[2]?.id, token: expect.any(Number) }]);
        expect(taken[0]?.token).toBeGreaterThan(Math.max(...tokens));
        await expect(fresh.saveAttempt(tasks[2]?.id ?? '', attempt, tokens[2])).rejects.toMatchObject({
          code: 'fenced',
        });
        expect(await fresh.renew({ tokens, leaseMs: LONG_MS })).toHaveLength(2);
        expect(await fresh.takeOver({ holder: 'two', leaseMs: LONG_MS, own: false })).toEqual([]);
        // The next process of a holder has its leases at once.
        const own = await fresh.takeOver({ holder: 'one', leaseMs: LONG_MS, own: true });
        expect(own.map(({ id }) => id)).toEqual(tasks.slice(0, 2).map(({ id }) => id));
        expect(await fresh.renew({ tokens, leaseMs: LONG_MS })).toEqual([]);
      } finally {
        await fresh.close();
      }
    });

    test('a task under way without a lease, as from before there were leases, is taken over', async () => {
      const fresh = await open();
      try {
        const ids: string[] = [];
        for (const state of ['INITIALIZING', 'RUNNING', 'CANCELING'] as const)
          ids.push((await taskIn(state, fresh)).id);
        for (const state of ['QUEUED', 'COMPLETE', 'CANCELED'] as const) await taskIn(state, fresh);
        const taken = await fresh.takeOver({ holder: 'one', leaseMs: LONG_MS, own: false });
        expect(taken.map(({ id }) => id)).toEqual(ids);
      } finally {
        await fresh.close();
      }
    });

    storeLeaseModelContract(open);
  });
}
