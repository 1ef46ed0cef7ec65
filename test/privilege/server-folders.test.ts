import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { showToServer } from '../../src/warden/server-folders.ts';

const SERVER = { uid: 1_879_048_190, gid: 1_879_048_190 };
let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'bulkhead-folders-'));
});
afterEach(() => rmSync(data, { recursive: true }));

it('the folder of accounts is root’s before the server could make it, and so are the files in it', () => {
  const users = join(data, 'auth', 'users.json');
  showToServer([users], SERVER);
  writeFileSync(users, '[]', { mode: 0o600 });
  showToServer([users], SERVER);
  const [folder, file] = [statSync(join(data, 'auth')), statSync(users)];
  expect([folder.uid, folder.gid, folder.mode & 0o777]).toEqual([0, SERVER.gid, 0o750]);
  expect([file.uid, file.gid, file.mode & 0o777]).toEqual([0, SERVER.gid, 0o640]);
});

it.each([
  ['a folder that the server made', () => mkdirSync(join(data, 'auth')), true],
  ['a link that leads elsewhere', () => symlinkSync('/etc', join(data, 'auth')), false],
])('%s in its place is refused, and what it leads to stays as it is', (_, plant, isServers) => {
  plant();
  if (isServers) chownSync(join(data, 'auth'), SERVER.uid, SERVER.gid);
  const before = statSync(join(data, 'auth'));
  expect(() => showToServer([join(data, 'auth', 'users.json')], SERVER)).toThrow(/must be a folder of root/);
  const after = statSync(join(data, 'auth'));
  expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode]);
});
