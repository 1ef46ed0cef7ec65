import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { storeContract } from '../../../test/contract/store.ts';
import { openSqliteStore } from './sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'bulkhead-store-'));
let opened = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

storeContract('SQLite', () => openSqliteStore({ path: join(folder, `${(opened += 1)}.db`) }));
