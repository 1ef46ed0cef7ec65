import { normalPath } from '../../tes/path.ts';
import type { TesOutput } from '../../tes/task.ts';
import { hasWildcard } from '../../tes/wildcard.ts';
import type { Wanted } from '../../warden/confined-tree.ts';

/** A directory that was declared as a file is taken as one: clients don't know what a tool will make. */
export function wantedOf({ path, path_prefix: prefix, type }: TesOutput): Wanted {
  if (hasWildcard(path, prefix))
    return { kind: 'glob', path, ...(prefix === undefined ? {} : { prefix: normalPath(prefix) }) };
  return { kind: type === 'DIRECTORY' ? 'directory' : 'any', path: normalPath(path) };
}
