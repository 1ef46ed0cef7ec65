/** `full-disk.ts KIND FOLDER`: fills a small disk through a store, makes room again, and prints what happened as JSON. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBulkheadError } from '../../src/errors.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import { newTask } from '../contract/store-samples.ts';
import { mount } from './mount.ts';

const [kind = '', folder = ''] = process.argv.slice(2);
const MEBIBYTE = 2 ** 20;

if (kind === 'tmpfs') mount('-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder);
else mountExt4(`${folder}.img`);

const ballast = join(folder, 'ballast');
const path = join(folder, 'store.db');
writeFileSync(ballast, Buffer.alloc(4 * MEBIBYTE));
const stored: string[] = [];
let store = await openSqliteStore({ path });

let refusal: unknown;
while (refusal === undefined) refusal = await create(MEBIBYTE);
const whenFull = await store.list({ view: 'FULL', pageSize: 1 });
const together = await Promise.all([create(10), create(2 * MEBIBYTE), create(10), create(10)]);
rmSync(ballast);
const withRoom = await create(MEBIBYTE);
await store.close();

store = await openSqliteStore({ path });
const lost: string[] = [];
for (const id of stored) if ((await store.get(id, { view: 'FULL' })) === undefined) lost.push(id);
const counts = await store.counts();
await store.close();
console.log(
  JSON.stringify({
    refusal,
    listedWhenFull: whenFull.tasks.length,
    together,
    withRoom: withRoom ?? 'stored',
    lost,
    unexpected: (counts.QUEUED ?? 0) - stored.length,
  }),
);

/** Undefined where it was stored, else the error's code and message. */
async function create(bytes: number): Promise<unknown> {
  const inputs = [{ path: '/a', content: 'x'.repeat(bytes) }];
  try {
    const { id } = await store.create(newTask({ document: { executors: [], inputs } }));
    stored.push(id);
    return undefined;
  } catch (error) {
    return isBulkheadError(error) ? { code: error.code, message: error.message } : String(error);
  }
}

function mountExt4(image: string): void {
  const file = openSync(image, 'w');
  ftruncateSync(file, 16 * MEBIBYTE);
  closeSync(file);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image]);
  mount('-o', 'loop', image, folder);
}
