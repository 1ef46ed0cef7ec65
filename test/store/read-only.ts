/** `read-only.ts FOLDER`: makes a store, mounts its folder read-only, and prints what opening and locking it says. */
import { join } from 'node:path';
import { isBulkheadError } from '../../src/errors.ts';
import { lockDataFolder } from '../../src/store/sqlite/lock.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import { mount } from './mount.ts';

const [folder = ''] = process.argv.slice(2);
const path = join(folder, 'store.db');
await (await openSqliteStore({ path })).close();
mount('--bind', folder, folder);
mount('-o', 'remount,bind,ro', folder);

console.log(
  JSON.stringify({
    existing: await codeOf(() => openSqliteStore({ path })),
    missing: await codeOf(() => openSqliteStore({ path: join(folder, 'new.db') })),
    lock: await codeOf(() => lockDataFolder(folder)),
  }),
);

async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return 'opened';
  } catch (error) {
    return isBulkheadError(error) ? error.code : String(error);
  }
}
