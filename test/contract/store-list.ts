/** Lists: filters, pages, the queue. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ListQuery, Store } from '../../src/store/store.ts';
import { fullAttempt, newTask, taskIn } from './store-samples.ts';

export function storeListContract(open: () => Promise<Store>): void {
  describe('list', () => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());

    async function create(name: string | undefined, tags: Record<string, string> = {}, owner = 'alice') {
      const document = { ...(name === undefined ? {} : { name }), tags, executors: [] };
      return (await store.create(newTask({ document, owner }))).id;
    }

    async function all(query: Partial<ListQuery>): Promise<string[]> {
      const ids: string[] = [];
      let pageToken: string | undefined;
      do {
        const page = await store.list({
          view: 'MINIMAL',
          pageSize: 3,
          ...query,
          ...(pageToken === undefined ? {} : { pageToken }),
        });
        ids.push(...page.tasks.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      return ids;
    }

    const PREFIXES: [string, string[], string[]][] = [
      ['a%', ['a%', 'a%b'], ['ab', 'A%', 'a']],
      ['a_', ['a_', 'a_c'], ['ab', 'aab']],
      ['a*', ['a*'], ['ab']],
      ['Case', ['Case', 'Case-1'], ['case', 'CASE']],
      ['\u00e9', ['\u00e9', '\u00e9cole'], ['e\u0301', 'e']],
      ['\ud7ff', ['\ud7ff', '\ud7ffa', '\ud7ff\u{10ffff}'], ['\ue000', '\ud7fe']],
      ['\u{10ffff}', ['\u{10ffff}', '\u{10ffff}a', '\u{10ffff}\u{10ffff}'], ['\uffff', 'a']],
      ['a\u{10ffff}', ['a\u{10ffff}', 'a\u{10ffff}\u{10ffff}'], ['b', 'a', 'a\uffff']],
      ['\uffff', ['\uffff', '\uffff\u{10000}'], ['\u{10000}', '\ufffe']],
      ['😀', ['😀', '😀😀'], ['😁', '\ue000']],
      ['z\0', ['z\0', 'z\0a'], ['z', 'z\u0001']],
      [' ', [' ', ' a'], ['a ']],
    ];

    test.each(PREFIXES)('name prefix %j is literal', async (namePrefix, matching, others) => {
      const owner = `prefix ${namePrefix}`;
      for (const name of others) await create(name, {}, owner);
      const ids = [];
      for (const name of matching) ids.unshift(await create(name, {}, owner));
      await create(undefined, {}, owner);
      expect(await all({ owner, namePrefix })).toEqual(ids);
      expect(await all({ namePrefix })).toEqual(expect.arrayContaining(ids));
    });

    test('an empty name prefix is every task, also one without a name', async () => {
      const ids = [await create(undefined, {}, 'nameless'), await create('x', {}, 'nameless')].toReversed();
      expect(await all({ owner: 'nameless', namePrefix: '' })).toEqual(ids);
    });

    test('a name with half of a surrogate pair is found by what comes before it', async () => {
      const id = await create('half \ud83d', {}, 'half');
      expect(await all({ owner: 'half', namePrefix: 'half ' })).toEqual([id]);
    });

    test('tags: equal values, any value, all of several', async () => {
      const owner = 'tags';
      const a = await create('t', { k: '1', other: 'x' }, owner);
      const b = await create('t', { k: '2', other: 'x' }, owner);
      const c = await create('t', { k: '', K: '1' }, owner);
      const list = (...tags: [string, string][]) =>
        all({ owner, tags: tags.map(([key, value]) => ({ key, value })) });
      expect(await list(['k', '1'])).toEqual([a]);
      expect(await list(['k', ''])).toEqual([c, b, a]);
      expect(await list(['other', 'x'], ['k', '2'])).toEqual([b]);
      expect(await list(['other', ''], ['k', ''])).toEqual([b, a]);
      expect(await list(['k', '1'], ['k', '2'])).toEqual([]);
      expect(await list(['k', '1'], ['k', '1'])).toEqual([a]);
      expect(await list(['none', ''])).toEqual([]);
      expect(await list(['k', '%'])).toEqual([]);
    });

    test('tags whose keys are one in UTF-8 do no harm', async () => {
      const id = await create('t', { 'u\ud800': '1', 'u\ud801': '2' }, 'surrogates');
      const tasks = await all({ owner: 'surrogates', tags: [{ key: 'u\ufffd', value: '' }] });
      expect(tasks).toEqual([id]);
    });

    test('state, owner and all together', async () => {
      const mine = await taskIn('COMPLETE', store, newTask({ owner: 'both', document: named('n1') }));
      await taskIn('QUEUED', store, newTask({ owner: 'both', document: named('n1') }));
      const other = await taskIn('COMPLETE', store, newTask({ owner: 'both', document: named('n2') }));
      expect(await all({ owner: 'both', state: 'COMPLETE' })).toEqual([other.id, mine.id]);
      expect(await all({ owner: 'both', state: 'COMPLETE', namePrefix: 'n1' })).toEqual([mine.id]);
      expect(
        await all({
          owner: 'both',
          state: 'COMPLETE',
          namePrefix: 'n1',
          tags: [{ key: 'tag', value: 'n1' }],
        }),
      ).toEqual([mine.id]);
      expect(await all({ state: 'PAUSED' })).toEqual([]);
    });

    test('views are those of get', async () => {
      const { id, owner } = await taskIn('RUNNING', store, newTask({ owner: 'views', document: named('v') }));
      await store.saveAttempt(id, fullAttempt());
      for (const view of ['MINIMAL', 'BASIC', 'FULL'] as const) {
        const { tasks } = await store.list({ owner, view, pageSize: 10 });
        expect(tasks).toEqual([await store.get(id, { view })]);
      }
    });

    test('pages lose and repeat nothing while tasks arrive and end', async () => {
      const owner = 'pages';
      const before: string[] = [];
      for (let index = 0; index < 10; index += 1) before.unshift(await create(`p${index}`, {}, owner));
      const seen: string[] = [];
      let pageToken: string | undefined;
      do {
        const query = { view: 'MINIMAL', owner, pageSize: 3 } as const;
        const page = await store.list(pageToken === undefined ? query : { ...query, pageToken });
        seen.push(...page.tasks.map(({ id }) => id));
        pageToken = page.nextPageToken;
        await create('late', {}, owner);
        await store.cancel(before[0] ?? '', { at: 1 });
      } while (pageToken !== undefined);
      expect(seen).toEqual(before);
    });

    test('the last page has no token, also where it is full', async () => {
      for (let index = 0; index < 3; index += 1) await create('x', {}, 'full-page');
      const page = await store.list({ view: 'MINIMAL', owner: 'full-page', pageSize: 3 });
      expect(page.tasks).toHaveLength(3);
      expect(page).not.toHaveProperty('nextPageToken');
    });

    test('a page of large tasks may be cut short, and pages still have them all', async () => {
      const owner = 'large';
      const ids: string[] = [];
      for (let index = 0; index < 6; index += 1) {
        const { id } = await taskIn('RUNNING', store, newTask({ owner }));
        const executor = { index: 0, startedAt: 1, stdout: 'x'.repeat(4 * 2 ** 20) };
        await store.saveAttempt(id, fullAttempt({ executors: [executor] }));
        ids.unshift(id);
      }
      expect(await all({ owner, view: 'FULL', pageSize: 2047 })).toEqual(ids);
      expect(await all({ owner, view: 'MINIMAL', pageSize: 2047 })).toEqual(ids);
    });

    test.each(['', 'x', '1', 'dDE6MA', '-1', 'dDE6MQ==', 'dDE6MSA', '%00', 'dDE6OTk5OTk5OTk5OTk5OTk5OTk5'])(
      'the page token %j is refused',
      async (pageToken) => {
        await expect(store.list({ view: 'MINIMAL', pageSize: 1, pageToken })).rejects.toMatchObject({
          code: 'invalid',
          fields: [{ field: '/page_token' }],
        });
      },
    );

    test.each([0, -1, 2048, 1.5, NaN])('the page size %d is refused', async (pageSize) => {
      await expect(store.list({ view: 'MINIMAL', pageSize })).rejects.toMatchObject({
        code: 'invalid',
        fields: [{ field: '/page_size' }],
      });
    });

    test('the queue is in the order of creation, and can be read on', async () => {
      const fresh = await open();
      try {
        const ids: string[] = [];
        for (let index = 0; index < 5; index += 1) ids.push((await fresh.create(newTask())).id);
        await fresh.transition({ id: ids[1] ?? '', from: 'QUEUED', to: 'INITIALIZING', at: 1 });
        const first = await fresh.queued({ limit: 2 });
        expect(first.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
        expect(first[0]).toMatchObject({ createdAt: newTask().createdAt, sandbox: newTask().sandbox });
        const rest = await fresh.queued({ limit: 9, afterSequence: first[1]?.sequence ?? 0 });
        expect(rest.map(({ id }) => id)).toEqual([ids[3], ids[4]]);
        await fresh.transition({ id: ids[1] ?? '', from: 'INITIALIZING', to: 'QUEUED', at: 2 });
        expect((await fresh.queued({ limit: 9 })).map(({ id }) => id)).toEqual(ids);
      } finally {
        await fresh.close();
      }
    });
  });
}

function named(name: string) {
  return { name, tags: { tag: name }, executors: [] };
}
