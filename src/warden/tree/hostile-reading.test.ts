import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readFile,
  readdir,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeFolder, makeSecret, plant } from '../../../test/fixtures/folders.ts';
import { until } from '../../../test/poll.ts';
import { startSwapper } from '../../../test/fixtures/swapper.ts';
import type { TreeSource, Wanted } from '../confined-tree.ts';
import { createConfinedTrees } from '../tree.ts';

/** What a hostile task, or another user of a shared folder, tries; beside each the control without what prevents it. */
const trees = createConfinedTrees();
const ALICE = { uid: 61_001, gid: 61_001 };
const MALLORY = { uid: 61_666, gid: 61_666 };
const { signal } = new AbortController();
const SECRET = 'the secret of the host';

async function readText(source: TreeSource, path: string): Promise<string> {
  for await (const { body } of trees.read(source, { kind: 'any', path }, { signal }))
    if (body) return await text(body);
  return '';
}

describe('what is read', () => {
  test('a link to a file of the host, or to another task, leads nowhere', async () => {
    const [root, other, secret] = [await makeFolder(), await makeFolder(), await makeSecret(SECRET)];
    await plant(other, { 'work/result': SECRET });
    await plant(root, {
      'work/absolute': { to: secret },
      'work/climbing': { to: `${'../'.repeat(20)}${secret.slice(1)}` },
      'work/other': { to: join(other, 'work') },
      'work/parent': { to: '..' },
    });
    const source: TreeSource = { root, as: ALICE, readsAll: true };
    for (const path of ['/work/absolute', '/work/climbing', '/work/other', '/work/other/result']) {
      await expect(readText(source, path)).rejects.toThrow(`${path}: `);
      // The control: this process follows them, and leaks.
      expect(path === '/work/other' ? SECRET : await readFile(join(root, path), 'utf8')).toBe(SECRET);
    }
    for (const prefix of ['/work/parent/..', '/work/parent/../..'])
      await expect(readText(source, `${prefix}${secret}`)).rejects.toMatchObject({
        code: 'storage-not-found',
      });
  });

  test('a folder that turns into a link while it is read leaks nothing', async () => {
    const root = await makeFolder();
    const outside = await makeFolder();
    await plant(outside, { 'd/x': SECRET });
    await plant(root, { 'real/x': 'harmless' });
    const swapper = await startSwapper(root, join(outside, 'd'));
    const seen = new Set<string>();
    const wanted: Wanted[] = Array.from({ length: 300 }, () => ({ kind: 'any', path: '/swapped/x' }));
    const target = await makeFolder();
    for (let round = 0; round < 5; round += 1) {
      const moves = wanted.map((from, at) => ({ from, to: `/${round}-${at}` }));
      await trees.copy(
        { root, as: 'target' },
        { root: target, as: { uid: 0, gid: 0 }, bits: 'keep', isDurable: false, links: 'any' },
        moves,
        signal,
      );
    }
    for (const name of await readdir(target)) seen.add(await readFile(join(target, name), 'utf8'));
    // The control: a check followed by an open, as this process would do it, is fooled.
    const leaked = async (): Promise<boolean> => {
      if (!(await lstat(join(root, 'swapped'))).isDirectory()) return false;
      return (await readFile(join(root, 'swapped/x'), 'utf8')) === SECRET;
    };
    await until(leaked, { timeoutMs: 30_000, what: 'the unconfined control to leak' });
    swapper.kill();
    expect([...seen]).toEqual(['harmless']);
  });

  test('as its owner: neither root, nor its groups, nor a capability is left', async () => {
    const root = await makeFolder();
    await plant(root, { 'mine/x': 'x', 'mine/rooted': SECRET, 'mine/grouped': SECRET });
    await chown(join(root, 'mine'), MALLORY.uid, MALLORY.gid);
    await chmod(join(root, 'mine/rooted'), 0o600);
    await chmod(join(root, 'mine/grouped'), 0o640);
    for (const name of ['rooted', 'grouped']) {
      const source: TreeSource = { root, as: MALLORY };
      await expect(readText(source, `/mine/${name}`)).rejects.toMatchObject({ code: 'storage-denied' });
      // The control: root may.
      expect(await readText({ root, as: { uid: 0, gid: 0 } }, `/mine/${name}`)).toBe(SECRET);
    }
  });

  test('a process that reads has the rights it needs and no more', async () => {
    const root = await makeFolder();
    // More than the pipe holds, so that the reader is there while it is looked at.
    await writeFile(join(root, 'big'), Buffer.alloc(20_000_000));
    const entries = trees.read(
      { root, as: MALLORY, readsAll: true },
      { kind: 'any', path: '/big' },
      { signal },
    );
    for await (const { body } of entries) {
      await until(async () => (await readers(root)).length > 0, { what: 'the reader' });
      for (const status of await readers(root)) {
        expect(status).toMatch(
          new RegExp(`^Uid:\\s+${MALLORY.uid}\\s+${MALLORY.uid}\\s+${MALLORY.uid}\\s`, 'm'),
        );
        expect(status).toMatch(/^Groups:\s*$/m);
        expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
        expect(status).toMatch(/^CapEff:\s+0000000000000004$/m); // CAP_DAC_READ_SEARCH alone
        expect(status).toMatch(/^CapPrm:\s+0000000000000004$/m);
        expect(status).toMatch(/^CapInh:\s+0+$/m);
      }
      expect(body?.readable).toBe(true);
      break;
    }
  });

  test('a further name (hard link) in the folder of another gives away no file of root', async () => {
    const root = await makeFolder();
    await plant(root, { 'private/secret': SECRET, 'mallory/own': 'own' });
    await chmod(join(root, 'private'), 0o700);
    await chmod(join(root, 'private/secret'), 0o600);
    await chown(join(root, 'mallory'), MALLORY.uid, MALLORY.gid);
    await chown(join(root, 'mallory/own'), MALLORY.uid, MALLORY.gid);
    await link(join(root, 'private/secret'), join(root, 'mallory/stolen'));
    await link(join(root, 'mallory/own'), join(root, 'mallory/twice'));
    const source: TreeSource = { root, as: 'target' };
    await expect(readText(source, '/mallory/stolen')).rejects.toThrow('has several names (hard links)');
    expect(await readText(source, '/mallory/twice')).toBe('own');
    // The control: as root, it is read.
    expect(await readText({ root, as: { uid: 0, gid: 0 } }, '/mallory/stolen')).toBe(SECRET);
  });

  test('no FIFO, socket or device is opened: named it is refused, in a folder left out', async () => {
    const root = await makeFolder();
    await plant(root, { 'd/x': 'x' });
    execFileSync('mkfifo', [join(root, 'd/fifo')]);
    execFileSync('mknod', [join(root, 'd/zero'), 'c', '1', '5']);
    const server = createServer().listen(join(root, 'd/socket'));
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const source: TreeSource = { root, as: ALICE, readsAll: true };
    for (const [path, kind] of [
      ['/d/fifo', 'a FIFO'],
      ['/d/zero', 'a device'],
      ['/d/socket', 'a socket'],
    ] as const) {
      const failure = readText(source, path);
      await expect(failure).rejects.toMatchObject({ code: 'storage-denied' });
      await expect(failure).rejects.toThrow(`${path}: is ${kind}; only files and folders are taken`);
    }
    const [listing] = await trees.list(source, [{ kind: 'any', path: '/d' }], signal);
    expect(listing?.entries.map(({ path }) => path)).toEqual(['', 'x']);
    expect(listing?.messages).toEqual([
      '/d/fifo: is a FIFO; left out',
      '/d/socket: is a socket; left out',
      '/d/zero: is a device; left out',
    ]);
    expect(await isStillWaiting(join(root, 'd/fifo'))).toBe(true);
  });

  test('a file of 1 TiB without content is held to the limit before a byte of it is read', async () => {
    const root = await makeFolder();
    await writeFile(join(root, 'sparse'), '');
    await truncate(join(root, 'sparse'), 2 ** 40);
    const source: TreeSource = { root, as: ALICE, limits: { bytes: 2 ** 30 } };
    await expect(readText(source, '/sparse')).rejects.toThrow('/sparse: has 1099511627776 bytes');
  });

  test('a folder of 100,000 files is listed, and its limit holds', { timeout: 180_000 }, async () => {
    const root = await makeFolder();
    await mkdir(join(root, 'd'));
    const program = 'for my $n (1 .. 100_000) { open my $f, ">", "$ARGV[0]/$n" or die $! }';
    execFileSync('/usr/bin/perl', ['-e', program, join(root, 'd')]);
    const wanted: Wanted[] = [
      { kind: 'any', path: '/d' },
      { kind: 'glob', path: '/d/9999*', prefix: '/d' },
    ];
    const [all, some] = await trees.list({ root, as: ALICE }, wanted, signal);
    expect(all?.entries.length).toBe(100_001);
    expect(some?.entries.map(({ path }) => path)).toContain('99999');
    const [limited] = await trees.list({ root, as: ALICE, limits: { entries: 1000 } }, wanted, signal);
    expect(limited?.failure?.message).toContain('there are more than 1000 files and folders');
  });

  test('no code is loaded from the tree', async () => {
    const root = await makeFolder();
    const folders = execFileSync('/usr/bin/perl', ['-e', 'print join "\\n", @INC'], {
      encoding: 'utf8',
    }).split('\n');
    const trap = `open my $f, '>', '/trapped'; 1;`;
    for (const folder of folders)
      await plant(root, {
        [`${folder}/utf8_heavy.pl`]: trap,
        [`${folder}/Carp.pm`]: trap,
        [`${folder}/Errno.pm`]: trap,
      });
    await chmod(root, 0o777);
    await plant(root, { 'd/É.txt': 'x' });
    await trees.list({ root, as: ALICE }, [{ kind: 'glob', path: '/d/[[:alpha:]É]*', prefix: '/' }], signal);
    await expect(readText({ root, as: ALICE }, '/nothing')).rejects.toThrow('No such file');
    expect(await readdir(root)).not.toContain('trapped');
  });
});

/** The status of each process whose root is that folder. */
async function readers(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue;
    const { ino } = await stat(`/proc/${pid}/root/.`).catch(() => ({ ino: -1 }));
    if (ino !== (await stat(root)).ino) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (status.includes(`\nUid:\t${MALLORY.uid}`)) found.push(status);
  }
  return found;
}

/** Nobody opened the other end of a FIFO: whoever wants to write into it finds no reader. */
async function isStillWaiting(fifo: string): Promise<boolean> {
  const program = 'use Fcntl; exit(sysopen(my $f, $ARGV[0], O_WRONLY | O_NONBLOCK) ? 1 : 0)';
  const child = spawn('/usr/bin/perl', ['-e', program, fifo]);
  const [code] = await once(child, 'exit');
  return code === 0;
}
