/** Lists over many tasks: each filter, common and rare, alone and together, on the first, middle and last page. */
import type { ListQuery, NewTask, Store } from '../src/store/store.ts';
import type { TesState } from '../src/tes/states.ts';
import { quantile, type Measurement } from './measurement.ts';

/** Of which the filters speak: the rare ones hit a ten-thousandth part. */
export const TASKS = 100_000;
const AIM_MS = 30;

type Filters = Omit<ListQuery, 'view' | 'pageSize' | 'pageToken'>;

const tag = (key: string, value = '') => ({ key, value });

const FILTERS: readonly (readonly [string, Filters])[] = [
  ['no filter', {}],
  ['owner, of half', { owner: 'alice' }],
  ['owner, of 100', { owner: 'owner-7' }],
  ['state, of 60 %', { state: 'CANCELED' }],
  ['state, of 10', { state: 'RUNNING' }],
  ['name_prefix, of half', { namePrefix: 'align-' }],
  ['name_prefix, of all', { namePrefix: 'a' }],
  ['name_prefix, of 11', { namePrefix: 'align-5000' }],
  ['name_prefix, of none', { namePrefix: 'b' }],
  ['tag, of half', { tags: [tag('parity', 'even')] }],
  ['tag, of one', { tags: [tag('sample', 's77777')] }],
  ['tag key only, of all', { tags: [tag('sample')] }],
  ['tag key only, of 10', { tags: [tag('rare')] }],
  ['two tags, of a quarter', { tags: [tag('parity', 'even'), tag('third', '0')] }],
  ['two tags of half each, of none together', { tags: [tag('parity', 'even'), tag('opposite', 'even')] }],
  ['three tags, one rare', { tags: [tag('parity', 'even'), tag('sample'), tag('rare')] }],
  ['owner and state', { owner: 'alice', state: 'CANCELED' }],
  ['owner and state, of none together', { owner: 'owner-8', state: 'RUNNING' }],
  ['owner and tag of half each, of none together', { owner: 'alice', tags: [tag('parity', 'even')] }],
  [
    'owner, state, name_prefix and tag',
    { owner: 'alice', state: 'CANCELED', namePrefix: 'a', tags: [tag('third', '0')] },
  ],
  [
    'name_prefix and tag of half each, of none together',
    { namePrefix: 'align-', tags: [tag('parity', 'odd')] },
  ],
];

const SHAPES: readonly (readonly [string, Pick<ListQuery, 'view' | 'pageSize'>])[] = [
  ['BASIC, 256 a page', { view: 'BASIC', pageSize: 256 }],
  ['FULL, 256 a page', { view: 'FULL', pageSize: 256 }],
  ['MINIMAL, 2047 a page', { view: 'MINIMAL', pageSize: 2047 }],
];

/** Fills a store with tasks, of which a few are RUNNING and most CANCELED. */
export async function fill(store: Store, newTask: () => NewTask, count: number): Promise<void> {
  let next = 0;
  async function client(): Promise<void> {
    while (next < count) {
      const index = next;
      next += 1;
      const { id } = await store.create(benchTask(newTask(), index));
      for (const [from, to] of wayOf(index)) await store.transition({ id, from, to, at: index });
    }
  }
  await Promise.all(Array.from({ length: 256 }, client));
}

export async function measureLists(store: Store, repeats: number): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const [what, filters] of FILTERS) {
    rows.push(...(await measureList(store, what, { view: 'MINIMAL', pageSize: 256, ...filters }, repeats)));
  }
  for (const [what, shape] of SHAPES) rows.push(...(await measureList(store, what, shape, repeats)));
  return rows;
}

async function measureList(
  store: Store,
  what: string,
  query: ListQuery,
  repeats: number,
): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const [page, pageToken] of await pagesOf(store, query)) {
    const durations: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const start = performance.now();
      await store.list(pageToken === undefined ? query : { ...query, pageToken });
      durations.push(performance.now() - start);
    }
    rows.push({
      what: `list, ${what}, ${page} page, p95 (p50 ${quantile(durations, 0.5).toFixed(1)})`,
      value: quantile(durations, 0.95),
      unit: 'ms',
      target: { of: 'value', atMost: AIM_MS },
    });
  }
  return rows;
}

/** The first page and, where there are more, the middle and the last. */
async function pagesOf(store: Store, query: ListQuery): Promise<[string, string | undefined][]> {
  const tokens: string[] = [];
  let { nextPageToken } = await store.list(query);
  while (nextPageToken !== undefined) {
    tokens.push(nextPageToken);
    ({ nextPageToken } = await store.list({ ...query, pageToken: nextPageToken }));
  }
  const pages: [string, string | undefined][] = [['first', undefined]];
  if (tokens.length > 1) pages.push(['middle', tokens[Math.floor(tokens.length / 2)]]);
  if (tokens.length > 0) pages.push(['last', tokens.at(-1)]);
  return pages;
}

function benchTask(task: NewTask, index: number): NewTask {
  const parity = index % 2 === 0 ? 'even' : 'odd';
  return {
    ...task,
    owner: index % 2 === 1 ? 'alice' : `owner-${index % 1000}`,
    document: {
      ...task.document,
      name: `${index % 2 === 0 ? 'align' : 'assemble'}-${index}`,
      tags: {
        parity,
        opposite: index % 2 === 0 ? 'odd' : 'even',
        third: String(index % 3),
        sample: `s${index}`,
        ...(index % (TASKS / 10) === 0 ? { rare: 'yes' } : {}),
      },
    },
  };
}

function wayOf(index: number): (readonly [TesState, TesState])[] {
  if (index % (TASKS / 10) === 1) {
    return [
      ['QUEUED', 'INITIALIZING'],
      ['INITIALIZING', 'RUNNING'],
    ];
  }
  return index % 5 < 3 ? [['QUEUED', 'CANCELED']] : [];
}
