import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareServerFolders, showToServer } from '../../src/warden/server-folders.ts';
import { startSwapper } from '../fixtures/swapper.ts';
import { until } from '../poll.ts';

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

function prepared(kinds: Partial<Parameters<typeof prepareServerFolders>[0]>): void {
  prepareServerFolders({ open: [], shared: [], own: [], kept: [], ...kinds }, SERVER);
}

function ownerOf(path: string): readonly number[] {
  const { uid, mode } = statSync(path);
  return [uid, mode & 0o7777];
}

/** Ended before its folder goes. */
async function whileSwapped(
  shared: string,
  elsewhere: string,
  work: () => void | Promise<void>,
): Promise<void> {
  mkdirSync(elsewhere, { mode: 0o755 });
  mkdirSync(join(shared, 'real'), { recursive: true });
  const swapper = await startSwapper(shared, elsewhere);
  try {
    await work();
  } finally {
    const exit = once(swapper, 'exit');
    swapper.kill();
    await exit;
  }
}

describe('the server’s own folder', () => {
  it('is given to it, and stays so', () => {
    prepared({ shared: [data], own: [join(data, 'own')] });
    prepared({ shared: [data], own: [join(data, 'own')] });
    expect([data, join(data, 'own')].map(ownerOf)).toEqual([
      [0, 0o1770],
      [SERVER.uid, 0o700],
    ]);
  });

  it('is refused where a link stands for it, which leads to what is root’s', () => {
    mkdirSync(join(data, 'victim'), { mode: 0o755 });
    symlinkSync(join(data, 'victim'), join(data, 'own'));
    expect(() => prepared({ own: [join(data, 'own')] })).toThrow(/no link/);
    expect(ownerOf(join(data, 'victim'))).toEqual([0, 0o755]);
  });

  it('changes nothing of what a link leads to, though it comes and goes', async () => {
    const [shared, victim] = [join(data, 'shared'), join(data, 'victim')];
    const outcomes = { given: 0, refused: 0 };
    await whileSwapped(shared, victim, () => {
      while (outcomes.given < 100 || outcomes.refused < 100) {
        try {
          prepared({ own: [join(shared, 'swapped')] });
          outcomes.given += 1;
        } catch {
          outcomes.refused += 1;
        }
      }
    });
    expect(ownerOf(victim)).toEqual([0, 0o755]);
  });

  it('control: is changed by who looks first, and then goes there again', async () => {
    const [shared, victim] = [join(data, 'shared'), join(data, 'victim')];
    const looksFirst = (): boolean => {
      if (lstatSync(join(shared, 'swapped')).isDirectory()) chmodSync(join(shared, 'swapped'), 0o700);
      return (statSync(victim).mode & 0o777) === 0o700;
    };
    await whileSwapped(
      shared,
      victim,
      async () => await until(looksFirst, { timeoutMs: 60_000, what: 'the race to be lost' }),
    );
  });

  it('is no folder of images, which the server made while there was none', () => {
    mkdirSync(join(data, 'roots'));
    prepared({ kept: [join(data, 'roots')] });
    chownSync(join(data, 'roots'), SERVER.uid, SERVER.gid);
    expect(() => prepared({ kept: [join(data, 'roots')] })).toThrow(/must be a folder of root/);
  });
});
