/** The lock of a data folder is taken by root, where the server may put files: links and journals lie in wait for it. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockDataFolder } from '../../src/store/sqlite/lock.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-privilege-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const lay = (at: string): void => {
  writeFileSync(join(folder, 'victim'), 'whole');
  mkdirSync(at, { recursive: true });
  symlinkSync(join(folder, 'victim'), join(at, `server.pid.${process.pid}`));
};

it('is not led through a link in the data folder', () => {
  const data = join(folder, 'data');
  lay(data);
  lockDataFolder(data).release();
  expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('whole');
});

it('control: in the folder of the lock itself, which is root’s alone, the same link is written through', () => {
  const data = join(folder, 'data');
  lay(join(data, 'lock'));
  lockDataFolder(data).release();
  expect(readFileSync(join(folder, 'victim'), 'utf8')).not.toBe('whole');
});

it('is refused where its folder is a link', () => {
  const data = join(folder, 'data');
  mkdirSync(data);
  mkdirSync(join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'elsewhere'), join(data, 'lock'));
  expect(() => lockDataFolder(data)).toThrow(expect.objectContaining({ code: 'store-read-only' }));
  expect(existsSync(join(folder, 'elsewhere', 'server.lock'))).toBe(false);
});
