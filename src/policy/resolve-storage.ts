import type { FieldFault } from '../errors.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import { formatSource } from './levels.ts';
import type { Found, Level } from './levels.ts';
import { isBelow, parseLocation } from './locations.ts';
import type { StorageGrants } from './site.ts';

/**
 * Inputs that a task may not read, and outputs that it may not write, each by its pointer. What an executor's image
 * takes away is taken from the task, since executors share their files. Pure.
 */
export function storageRefusals(
  document: TesTaskDocument,
  levels: readonly (readonly Level[])[],
): FieldFault[] {
  const { inputs = [], outputs = [] } = document;
  const read = grantsFor(levels, 'read');
  const write = grantsFor(levels, 'write');
  return [
    // An input that brings its content has a URL in name only.
    ...inputs.map(({ url, content }, at) =>
      url === undefined || content ? undefined : refusal(`/inputs/${at}/url`, url, 'read', read),
    ),
    ...outputs.map(({ url }, at) => refusal(`/outputs/${at}/url`, url, 'write', write)),
  ].filter((fault) => fault !== undefined);
}

/** What a caller may read or write, where it is said at all. */
export function findStorage(
  levels: readonly Level[],
  use: keyof StorageGrants,
): Found<readonly string[]> | undefined {
  for (const { rule, storage } of levels) {
    const value = storage[use];
    if (value === undefined) continue;
    const key = `storage.${use}`;
    return { value, source: rule === undefined ? { key } : { rule, key } };
  }
  return undefined;
}

function grantsFor(
  levels: readonly (readonly Level[])[],
  use: keyof StorageGrants,
): readonly Found<readonly string[]>[] {
  return levels.map((each) => findStorage(each, use)).filter((found) => found !== undefined);
}

function refusal(
  field: string,
  url: string,
  use: keyof StorageGrants,
  grants: readonly Found<readonly string[]>[],
): FieldFault | undefined {
  const place = parseLocation(url);
  for (const { value, source } of grants) {
    const folders = value.map(parseLocation).filter((folder) => folder !== undefined);
    if (place !== undefined && folders.some((folder) => isBelow(place, folder))) continue;
    const asked = place === undefined ? `${url}, which can be read in more than one way` : url;
    const problem = `asked to ${use} ${asked}; the ceiling is ${value.join(', ') || 'nothing'} (${formatSource(source)})`;
    return { field, problem };
  }
  return undefined;
}
