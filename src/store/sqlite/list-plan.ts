/**
 * How the tasks of a page are found, as SQL. Every filter is a source of sequences, newest first but for the name's;
 * a page is found in one of two ways, and the one that would be slow is never the one that is taken:
 *
 * - `driven`: read the source with the fewest tasks and look each one up in the others. For rare matches.
 * - `merged`: read the sources side by side, in order, and stop at the page's end. For common matches. SQLite does
 *   this for INTERSECT with ORDER BY (EXPLAIN QUERY PLAN says MERGE), so that two common filters without a common
 *   task cost one pass over both, where a join would look each task of one up in the other.
 */
import type { IndexedTag, ListInput } from './messages.ts';
import { nameRange } from './name-range.ts';

export interface Query {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

export interface Filter {
  readonly table: 'tasks' | 'tags';
  /** The table as `x` with the index that has the filter's tasks: INDEXED BY makes an error of a plan without it. */
  readonly source: string;
  /** Whether the source is ordered by sequence. */
  readonly isOrdered: boolean;
  /** That the task `x.sequence` is one of the filter's, without its source: by the row of the task, or by a search. */
  readonly condition: string;
  readonly parameters: readonly string[];
}

export function filtersOf(input: ListInput): Filter[] {
  const filters: Filter[] = [];
  if (input.owner !== undefined) filters.push(equals('owner', input.owner));
  if (input.state !== undefined) filters.push(equals('state', input.state));
  if (input.namePrefix !== undefined) filters.push(hasNamePrefix(input.namePrefix));
  return [...filters, ...input.tags.map(hasTag)];
}

/**
 * How many tasks a filter has, counted no further than a limit. From an ordered source, those of this page and later
 * ones; from another, all, since counting less would read more.
 */
export function countQuery(filter: Filter, before: number, limit: number): Query {
  const { source, isOrdered, parameters } = filter;
  return {
    sql: `SELECT count(*) AS count FROM (SELECT 1 FROM ${source} ${isOrdered ? 'AND x.sequence < ?' : ''} LIMIT ?)`,
    parameters: isOrdered ? [...parameters, before, limit] : [...parameters, limit],
  };
}

export function drivenQuery(driver: Filter, others: readonly Filter[], before: number, limit: number): Query {
  const conditions = others.map((other) =>
    driver.table === 'tags' && other.table === 'tasks' ? ofTask(other.condition) : other.condition,
  );
  return {
    sql: [
      `SELECT x.sequence FROM ${driver.source} AND x.sequence < ?`,
      ...conditions.map((condition) => `AND ${condition}`),
      'ORDER BY x.sequence DESC LIMIT ?',
    ].join(' '),
    parameters: [...driver.parameters, before, ...others.flatMap((other) => other.parameters), limit],
  };
}

export function mergedQuery(filters: readonly Filter[], before: number, limit: number): Query {
  const onTasks = filters.filter((filter) => filter.table === 'tasks');
  const sources = filters.filter((filter) => filter.table === 'tags').map(orderedSource);
  const [only, ...more] = onTasks;
  if (only?.isOrdered && more.length === 0) sources.unshift(orderedSource(only));
  else if (only !== undefined || sources.length === 0) sources.unshift(orderedScan(onTasks));
  return {
    sql: [
      sources
        .map(({ sql }) => `SELECT x.sequence AS sequence FROM ${sql} AND x.sequence < ?`)
        .join(' INTERSECT '),
      'ORDER BY sequence DESC LIMIT ?',
    ].join(' '),
    parameters: [...sources.flatMap(({ parameters }) => [...parameters, before]), limit],
  };
}

function equals(column: 'owner' | 'state', value: string): Filter {
  return {
    table: 'tasks',
    source: `tasks AS x INDEXED BY tasks_${column} WHERE x.${column} = ?`,
    isOrdered: true,
    condition: `x.${column} = ?`,
    parameters: [value],
  };
}

function hasNamePrefix(prefix: string): Filter {
  const { from, below } = nameRange(prefix);
  const range = below === undefined ? 'x.name >= ?' : 'x.name >= ? AND x.name < ?';
  return {
    table: 'tasks',
    source: `tasks AS x INDEXED BY tasks_name WHERE x.name <> '' AND ${range}`,
    isOrdered: false,
    condition: range,
    parameters: below === undefined ? [from] : [from, below],
  };
}

function hasTag({ key, value }: IndexedTag): Filter {
  const isKeyOnly = value === '';
  return {
    table: 'tags',
    // With a value, the order of the table itself, which has no name that INDEXED BY could take.
    source: isKeyOnly
      ? 'tags AS x INDEXED BY tags_key WHERE x.key = ?'
      : 'tags AS x WHERE x.key = ? AND x.value = ?',
    isOrdered: true,
    condition: isKeyOnly
      ? 'EXISTS (SELECT 1 FROM tags AS y INDEXED BY tags_key WHERE y.key = ? AND y.sequence = x.sequence)'
      : 'EXISTS (SELECT 1 FROM tags AS y WHERE y.key = ? AND y.value = ? AND y.sequence = x.sequence)',
    parameters: isKeyOnly ? [key] : [key, value],
  };
}

/** A condition on the row of a task, where `x` is a row of a tag. */
function ofTask(condition: string): string {
  return `EXISTS (SELECT 1 FROM tasks AS y WHERE y.sequence = x.sequence AND ${condition.replaceAll('x.', 'y.')})`;
}

function orderedSource(filter: Filter): { sql: string; parameters: readonly string[] } {
  return { sql: filter.source, parameters: filter.parameters };
}

/** Every task, newest first, with conditions on its row: the table is narrow. */
function orderedScan(filters: readonly Filter[]): { sql: string; parameters: readonly string[] } {
  const conditions = filters.map((filter) => `AND ${filter.condition}`);
  return {
    sql: ['tasks AS x NOT INDEXED WHERE true', ...conditions].join(' '),
    parameters: filters.flatMap((filter) => filter.parameters),
  };
}
