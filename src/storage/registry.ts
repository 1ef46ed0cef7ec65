import { BulkheadError } from '../errors.ts';
import { printable } from '../printable.ts';
import { schemeOf } from './location.ts';
import type { Storage, Storages } from './storage.ts';

/** What a site has, by scheme; a bare absolute path is a `file` URL. Throws `config` where two serve one scheme. */
export function createStorages(storages: readonly Storage[]): Storages {
  const byScheme = new Map<string, Storage>();
  for (const storage of storages) {
    for (const scheme of storage.schemes) {
      if (byScheme.has(scheme)) throw new BulkheadError('config', `two storages serve ${scheme}:// URLs`);
      byScheme.set(scheme, storage);
    }
  }
  return {
    advertised: storages.flatMap(({ advertised }) => advertised),
    for(url) {
      const scheme = schemeOf(url);
      const storage = byScheme.get(scheme);
      if (storage !== undefined) return storage;
      throw new BulkheadError(
        'storage-unsupported',
        `this site has no storage for ${printable(scheme)}:// URLs; it has ${[...byScheme.keys()].map((name) => `${name}://`).join(', ') || 'none'}`,
      );
    },
  };
}
