/** Random operations, beside a model that is too simple to be wrong. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ListQuery, NewTask, Store } from '../../src/store/store.ts';
import { isLegalTransition, TES_STATES, type TesState } from '../../src/tes/states.ts';
import type { TesTaskDocument } from '../../src/tes/task.ts';
import { newTask } from './store-samples.ts';

interface ModelTask {
  readonly task: NewTask;
  state: TesState;
  endedAt?: number;
  readonly events: { from: TesState | null; to: TesState }[];
}

type Step =
  | {
      readonly kind: 'create';
      readonly owner: string;
      readonly document: TesTaskDocument;
      readonly key: string | undefined;
    }
  | { readonly kind: 'transition'; readonly pick: number; readonly to: TesState; readonly isStale: boolean }
  | { readonly kind: 'cancel'; readonly pick: number; readonly owner: string | undefined }
  | { readonly kind: 'purge'; readonly back: number; readonly limit: number }
  | { readonly kind: 'list'; readonly query: ListQuery };

// Few values, so that they meet; with the edges of names.
const text = fc.constantFrom('', 'a', 'A', 'a%', 'ab', 'a\ud7ff', 'a\ue000', 'a\u{10ffff}', 'b😀', '\0');
const owner = fc.constantFrom('alice', 'bob');
const tags = fc.dictionary(fc.constantFrom('k', 'l', ''), text, { maxKeys: 3 });
const state = fc.constantFrom(...TES_STATES);
const document = fc
  .record({ name: text, tags }, { requiredKeys: [] })
  .map((fields) => ({ ...fields, executors: [] }));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      owner,
      document,
      key: fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('transition' as const),
      pick: fc.nat(),
      to: state,
      isStale: fc.boolean(),
    }),
  },
  fc.record({
    kind: fc.constant('cancel' as const),
    pick: fc.nat(),
    owner: fc.option(owner, { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('purge' as const), back: fc.nat(10), limit: fc.integer({ min: 1, max: 3 }) }),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      query: fc.record(
        {
          view: fc.constant('BASIC' as const),
          pageSize: fc.integer({ min: 1, max: 4 }),
          owner,
          state,
          namePrefix: text,
          tags: fc.array(fc.record({ key: fc.constantFrom('k', 'l', ''), value: text }), { maxLength: 3 }),
        },
        { requiredKeys: ['view', 'pageSize'] },
      ),
    }),
  },
);

export function storeModelContract(open: () => Promise<Store>): void {
  test('random operations do what the model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const store = await open();
        try {
          await follow(store, steps);
        } finally {
          await store.close();
        }
      }),
      { numRuns: 40 },
    );
  });
}

async function follow(store: Store, steps: readonly Step[]): Promise<void> {
  const model: ModelTask[] = [];
  let clock = 0;
  for (const next of steps) {
    clock += 1;
    if (next.kind === 'create') await create(store, model, next, clock);
    else if (next.kind === 'transition') await transition(store, model, next, clock);
    else if (next.kind === 'cancel') await cancel(store, model, next, clock);
    else if (next.kind === 'purge') await purge(store, model, clock - next.back, next.limit);
    else expect(await listAll(store, next.query)).toEqual(expectedList(model, next.query));
  }
  for (const known of model) {
    const record = await store.get(known.task.id, { view: 'FULL' });
    expect(record).toMatchObject({
      state: known.state,
      document: known.task.document,
      owner: known.task.owner,
    });
    const events = await store.events(known.task.id);
    expect(events.map(({ from, to }) => ({ from, to }))).toEqual(known.events);
  }
  const counts: Partial<Record<TesState, number>> = {};
  for (const known of model) counts[known.state] = (counts[known.state] ?? 0) + 1;
  expect(await store.counts()).toEqual(counts);
  const queued = model.filter((known) => known.state === 'QUEUED').map(({ task }) => task.id);
  expect((await store.queued({ limit: 1000 })).map(({ id }) => id)).toEqual(queued);
}

type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

async function create(store: Store, model: ModelTask[], next: StepOf<'create'>, at: number): Promise<void> {
  const task = newTask({
    owner: next.owner,
    document: next.document,
    createdAt: at,
    ...(next.key === undefined ? {} : { idempotencyKey: next.key }),
  });
  const first = model.find(
    (known) =>
      next.key !== undefined && known.task.idempotencyKey === next.key && known.task.owner === next.owner,
  );
  if (first === undefined) {
    expect(await store.create(task)).toEqual({ id: task.id, replayed: false });
    model.push({ task, state: 'QUEUED', events: [{ from: null, to: 'QUEUED' }] });
  } else if (sorted(first.task.document) === sorted(next.document)) {
    expect(await store.create(task)).toEqual({ id: first.task.id, replayed: true });
  } else {
    await expect(store.create(task)).rejects.toMatchObject({ code: 'conflict' });
  }
}

async function transition(
  store: Store,
  model: ModelTask[],
  next: StepOf<'transition'>,
  at: number,
): Promise<void> {
  const known = model[next.pick % Math.max(model.length, 1)];
  if (known === undefined) return;
  const from = next.isStale ? 'RUNNING' : known.state;
  const change = { id: known.task.id, from, to: next.to, at };
  if (!isLegalTransition(from, next.to)) {
    await expect(store.transition(change)).rejects.toMatchObject({ code: 'internal' });
    return;
  }
  expect(await store.transition(change)).toBe(known.state === from);
  if (known.state === from) enter(known, next.to, at);
}

async function cancel(store: Store, model: ModelTask[], next: StepOf<'cancel'>, at: number): Promise<void> {
  const known = model[next.pick % Math.max(model.length, 1)];
  if (known === undefined) return;
  const options = next.owner === undefined ? { at } : { at, owner: next.owner };
  const answer = await store.cancel(known.task.id, options);
  if (next.owner !== undefined && next.owner !== known.task.owner) {
    expect(answer).toBeUndefined();
    return;
  }
  const before = known.state;
  if (before === 'QUEUED') enter(known, 'CANCELED', at);
  if (before === 'INITIALIZING' || before === 'RUNNING') enter(known, 'CANCELING', at);
  expect(answer).toEqual({ before, after: known.state });
}

async function purge(store: Store, model: ModelTask[], endedBefore: number, limit: number): Promise<void> {
  const gone = model
    .filter((known) => known.endedAt !== undefined && known.endedAt < endedBefore)
    .sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0))
    .slice(0, limit);
  expect(await store.purge({ endedBefore, limit })).toEqual(gone.map(({ task }) => task.id));
  for (const known of gone) model.splice(model.indexOf(known), 1);
}

function enter(known: ModelTask, to: TesState, at: number): void {
  known.events.push({ from: known.state, to });
  known.state = to;
  if (['COMPLETE', 'EXECUTOR_ERROR', 'SYSTEM_ERROR', 'CANCELED'].includes(to)) known.endedAt = at;
}

async function listAll(store: Store, query: ListQuery): Promise<string[]> {
  const ids: string[] = [];
  let page = await store.list(query);
  ids.push(...page.tasks.map(({ id }) => id));
  while (page.nextPageToken !== undefined) {
    expect(page.tasks).toHaveLength(query.pageSize);
    page = await store.list({ ...query, pageToken: page.nextPageToken });
    ids.push(...page.tasks.map(({ id }) => id));
  }
  return ids;
}

function expectedList(model: readonly ModelTask[], query: ListQuery): string[] {
  const matching = model.filter(
    ({ task, state: current }) =>
      (query.owner === undefined || task.owner === query.owner) &&
      (query.state === undefined || current === query.state) &&
      (task.document.name ?? '').startsWith(query.namePrefix ?? '') &&
      (query.tags ?? []).every(({ key, value }) => {
        const tag = task.document.tags?.[key];
        return tag !== undefined && (value === '' || tag === value);
      }),
  );
  return matching.map(({ task }) => task.id).toReversed();
}

function sorted({ name, tags: all }: TesTaskDocument): string {
  return JSON.stringify([name, all && Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
