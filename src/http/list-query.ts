import { BulkheadError } from '../errors.ts';
import type { FieldFault } from '../errors.ts';
import type { ListQuery } from '../store/store.ts';
import { TES_STATES } from '../tes/states.ts';
import type { TesView } from '../tes/task.ts';

const VIEWS: readonly TesView[] = ['MINIMAL', 'BASIC', 'FULL'];
const MAX_PAGE_SIZE = 2047;
const DEFAULT_PAGE_SIZE = 256;

/** A query string as parsed: a key that is repeated has a list. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Reads the parameters of a list. Unknown ones are ignored, empty ones are as good as absent. Throws `invalid` with each that is wrong. */
export function parseListQuery(query: Query): Omit<ListQuery, 'owner'> {
  const faults: FieldFault[] = [];
  const view = oneOf('view', VIEWS, query, faults) ?? 'MINIMAL';
  const state = oneOf('state', TES_STATES, query, faults);
  const namePrefix = single('name_prefix', query, faults);
  const pageToken = single('page_token', query, faults);
  const pageSize = readPageSize(query, faults);
  const tags = readTags(query, faults);
  throwIf(faults);
  return {
    view,
    pageSize,
    ...(state !== undefined && { state }),
    ...(namePrefix !== undefined && { namePrefix }),
    ...(pageToken !== undefined && { pageToken }),
    ...(tags.length > 0 && { tags }),
  };
}

export function parseView(query: Query): TesView {
  const faults: FieldFault[] = [];
  const view = oneOf('view', VIEWS, query, faults);
  throwIf(faults);
  return view ?? 'MINIMAL';
}

export function parseFlag(name: string, query: Query): boolean {
  const faults: FieldFault[] = [];
  const flag = oneOf(name, ['true', 'false'], query, faults);
  throwIf(faults);
  return flag === 'true';
}

function throwIf(faults: readonly FieldFault[]): void {
  if (faults.length === 0) return;
  const all = faults.map(({ field, problem }) => `${field} ${problem}`).join('; ');
  throw new BulkheadError('invalid', `The query is not valid: ${all}.`, { fields: faults });
}

function single(name: string, query: Query, faults: FieldFault[]): string | undefined {
  const value = query[name];
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (value !== undefined) faults.push({ field: name, problem: 'is given more than once' });
  return undefined;
}

function oneOf<Word extends string>(
  name: string,
  words: readonly Word[],
  query: Query,
  faults: FieldFault[],
): Word | undefined {
  const value = single(name, query, faults);
  const word = words.find((known) => known === value);
  if (value !== undefined && word === undefined) {
    faults.push({
      field: name,
      problem: `must be one of ${words.join(', ')}, not ${JSON.stringify(value.slice(0, 80))}`,
    });
  }
  return word;
}

function readPageSize(query: Query, faults: FieldFault[]): number {
  const value = single('page_size', query, faults);
  if (value === undefined) return DEFAULT_PAGE_SIZE;
  const size = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (size >= 1 && size <= MAX_PAGE_SIZE) return size;
  faults.push({
    field: 'page_size',
    problem: `must be a whole number from 1 to ${MAX_PAGE_SIZE}, not ${JSON.stringify(value.slice(0, 80))}`,
  });
  return DEFAULT_PAGE_SIZE;
}

/** The nth key goes with the nth value; a value that is missing is empty. */
function readTags(query: Query, faults: FieldFault[]): { key: string; value: string }[] {
  const keys = several(query['tag_key']);
  const values = several(query['tag_value']);
  if (values.length > keys.length) {
    faults.push({
      field: 'tag_value',
      problem: `is given ${values.length} times, tag_key only ${keys.length}: each value needs its key`,
    });
  }
  return keys.map((key, at) => ({ key, value: values[at] ?? '' }));
}

function several(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
