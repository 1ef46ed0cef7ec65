/** `lock-holder.ts FOLDER`: takes the folder and keeps it until it is killed, or prints why it can't. */
import { isBulkheadError } from '../../src/errors.ts';
import { lockDataFolder } from '../../src/store/sqlite/lock.ts';

try {
  lockDataFolder(process.argv[2] ?? '');
  // Nothing of ours refers to the lock any more: it must hold nevertheless.
  globalThis.gc?.();
  console.log('locked');
  setInterval(() => undefined, 1_000_000);
} catch (error) {
  console.log(
    JSON.stringify(isBulkheadError(error) ? { code: error.code, message: error.message } : String(error)),
  );
}
