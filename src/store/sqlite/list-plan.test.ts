import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from './database.ts';
import { countQuery, drivenQuery, filtersOf, mergedQuery, type Query } from './list-plan.ts';
import type { ListInput } from './messages.ts';
import { prepareCreate } from './create.ts';
import { toCreateInput } from './record.ts';
import { newTask } from '../../../test/contract/store-samples.ts';

const TASKS = 300;
const NAMES = ['', 'a', 'ab', 'b'];
const STATES = ['QUEUED', 'RUNNING', 'COMPLETE'] as const;

const folder = mkdtempSync(join(tmpdir(), 'bulkhead-list-plan-'));
let database: DatabaseSync;

beforeAll(() => {
  database = openDatabase({ path: join(folder, 'store.db'), role: 'writer', busyTimeoutMs: 0 });
  const create = prepareCreate(database);
  database.exec('BEGIN');
  const setState = database.prepare('UPDATE tasks SET state = ? WHERE sequence = ?');
  for (let index = 1; index <= TASKS; index += 1) {
    const tags = { k: String(index % 4), l: String(index % 3), ...(index % 50 === 0 ? { rare: 'x' } : {}) };
    const document = { name: NAMES[index % NAMES.length] ?? '', tags, executors: [] };
    create(toCreateInput(newTask({ owner: `owner-${index % 5}`, document })));
    setState.run(STATES[index % 3] ?? 'QUEUED', index);
  }
  database.exec('COMMIT');
});

afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const query: fc.Arbitrary<ListInput> = fc.record(
  {
    view: fc.constant('MINIMAL' as const),
    limit: fc.integer({ min: 1, max: 50 }),
    before: fc.integer({ min: 1, max: TASKS + 2 }),
    tags: fc.array(
      fc.record({
        key: fc.constantFrom('k', 'l', 'rare', 'none'),
        value: fc.constantFrom('', '0', '1', 'x'),
      }),
      { maxLength: 3 },
    ),
    owner: fc.constantFrom('owner-0', 'owner-1', 'nobody'),
    state: fc.constantFrom(...STATES),
    namePrefix: fc.constantFrom('a', 'ab', 'c', '\u{10ffff}'),
  },
  { requiredKeys: ['view', 'limit', 'before', 'tags'] },
);

test('every plan finds the same tasks, in the same order', () => {
  fc.assert(
    fc.property(query, (input) => {
      const filters = filtersOf(input);
      const expected = naive(input);
      expect(sequences(mergedQuery(filters, input.before, input.limit))).toEqual(expected);
      for (const driver of filters) {
        const others = filters.filter((filter) => filter !== driver);
        expect(sequences(drivenQuery(driver, others, input.before, input.limit))).toEqual(expected);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a filter’s tasks are counted, no further than the limit', () => {
  const [filter] = filtersOf({ view: 'MINIMAL', limit: 1, before: 0, tags: [], owner: 'owner-1' });
  if (filter === undefined) throw new Error('there is one filter');
  const count = (before: number, limit: number) => rows(countQuery(filter, before, limit))[0]?.['count'];
  expect(count(TASKS + 1, 1_000)).toBe(TASKS / 5);
  expect(count(TASKS + 1, 7)).toBe(7);
  expect(count(1, 7)).toBe(0);
});

test('common filters are merged in order, and nothing is sorted', () => {
  const tags = [
    { key: 'k', value: '0' },
    { key: 'l', value: '' },
  ];
  const filters = filtersOf({
    view: 'MINIMAL',
    limit: 1,
    before: 0,
    tags,
    owner: 'owner-1',
    namePrefix: 'a',
  });
  const { sql, parameters } = mergedQuery(filters, 100, 10);
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...parameters)
    .map((row) => row['detail']);
  expect(plan.filter((detail) => detail === 'MERGE (INTERSECT)')).toHaveLength(2);
  expect(plan.join('\n')).not.toMatch(/TEMP B-TREE/);
});

function rows({ sql, parameters }: Query): Record<string, unknown>[] {
  return database.prepare(sql).all(...parameters);
}

function sequences(of: Query): unknown[] {
  return rows(of).map((row) => row['sequence']);
}

function naive(input: ListInput): number[] {
  const found: number[] = [];
  for (let index = Math.min(TASKS, input.before - 1); index >= 1 && found.length < input.limit; index -= 1) {
    const tags: Record<string, string> = { k: String(index % 4), l: String(index % 3) };
    if (index % 50 === 0) tags['rare'] = 'x';
    const matches =
      (input.owner === undefined || input.owner === `owner-${index % 5}`) &&
      (input.state === undefined || input.state === STATES[index % 3]) &&
      (NAMES[index % NAMES.length] ?? '').startsWith(input.namePrefix ?? '') &&
      input.tags.every(({ key, value }) => tags[key] !== undefined && (value === '' || tags[key] === value));
    if (matches) found.push(index);
  }
  return found;
}
