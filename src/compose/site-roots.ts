import type { Config } from '../config/schema.ts';
import { checkedRoot } from '../storage/file.ts';
import type { FileRoot } from '../storage/file-location.ts';

/** Folders below which tasks may read or write, as server and warden both hold to. Throws `config`. */
export function siteRoots({ storage }: Config): FileRoot[] {
  return storage.file.roots.map(({ path, write, owner }) =>
    checkedRoot({ path, write, ...(owner === undefined ? {} : { owner }) }),
  );
}
