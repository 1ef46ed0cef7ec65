import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
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
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeFolder, plant } from '../../../test/fixtures/folders.ts';
import { until } from '../../../test/poll.ts';
import type { Delivery, TreeSource, TreeTarget, Wanted } from '../confined-tree.ts';
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

async function* file(content: string): Delivery['entries'] {
  yield { path: '', type: 'file', sizeBytes: null, mode: 0o644, body: Readable.from([Buffer.from(content)]) };
}

function sharedTarget(root: string): TreeTarget {
  return { root, as: 'parent', bits: 'open', isDurable: false, links: 'owner' };
}

/** A file outside of every tree, which this process may read. */
async function hostSecret(): Promise<string> {
  const folder = await makeFolder();
  await chmod(folder, 0o700);
  await writeFile(join(folder, 'secret'), SECRET, { mode: 0o600 });
  return join(folder, 'secret');
}

describe('what is read', () => {
  test('a link to a file of the host, or to another task, leads nowhere', async () => {
    const [root, other, secret] = [await makeFolder(), await makeFolder(), await hostSecret()];
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
    await plant(root, { big: 'x' });
    await truncate(join(root, 'big'), 2 ** 30);
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

describe('what is written', () => {
  test('a link in place of the file is replaced, not followed', async () => {
    const [root, secret] = [await makeFolder(), await hostSecret()];
    await plant(root, { 'out/result': { to: secret }, 'out/inner': { to: '/kept' }, kept: 'kept' });
    await trees.write(
      sharedTarget(root),
      [
        { to: '/out/result', entries: file('new') },
        { to: '/out/inner', entries: file('new') },
      ],
      signal,
    );
    expect(await readFile(secret, 'utf8')).toBe(SECRET);
    expect(await readFile(join(root, 'kept'), 'utf8')).toBe('kept');
    expect(await readFile(join(root, 'out/result'), 'utf8')).toBe('new');
  });

  test('a link on the way leads nowhere outside of the root', async () => {
    const [root, outside] = [await makeFolder(), await makeFolder()];
    await plant(root, { out: { to: outside }, 'up/link': { to: `../../../../..${outside}` } });
    await trees.write(
      sharedTarget(root),
      [
        { to: '/out/x', entries: file('x') },
        { to: '/up/link/y', entries: file('y') },
      ],
      signal,
    );
    expect(await readdir(outside)).toEqual([]);
    // The control: written by path, it arrives there.
    await writeFile(join(root, 'up/link/z'), 'z').catch(() => {});
    await symlink(outside, join(root, 'control'));
    await writeFile(join(root, 'control/z'), 'z');
    expect(await readdir(outside)).toEqual(['z']);
  });

  test('a link that one user put into his folder turns nothing into the folder of another', async () => {
    const root = await makeFolder();
    await plant(root, { 'alice/kept': 'kept', 'mallory/out': { to: '/alice' }, admin: { to: '/alice' } });
    await chown(join(root, 'alice'), ALICE.uid, ALICE.gid);
    await chmod(join(root, 'alice'), 0o700);
    execFileSync('chown', ['-h', `${MALLORY.uid}:${MALLORY.gid}`, join(root, 'mallory/out')]);
    const target = sharedTarget(root);
    const stolen: Delivery = { to: '/mallory/out/kept', entries: file('stolen') };
    const [outcome] = await trees.write(target, [stolen], signal);
    expect(outcome?.failure).toMatchObject({ code: 'storage-denied' });
    expect(outcome?.failure?.message).toContain('is a symbolic link of user 61666');
    expect(await readFile(join(root, 'alice/kept'), 'utf8')).toBe('kept');
    const [byAdmin] = await trees.write(target, [{ to: '/admin/new', entries: file('new') }], signal);
    expect(byAdmin?.failure).toBeUndefined();
    // The control: where every link is followed, it is overwritten.
    await trees.write({ ...target, links: 'any' }, [{ ...stolen, entries: file('stolen') }], signal);
    expect(await readFile(join(root, 'alice/kept'), 'utf8')).toBe('stolen');
  });

  test('a folder that turns into a link meanwhile takes nothing outside', async () => {
    const [root, outside] = [await makeFolder(), await makeFolder()];
    await plant(root, { real: null });
    await chmod(outside, 0o777);
    await chmod(join(root, 'real'), 0o777);
    const swapper = await startSwapper(root, outside);
    for (let round = 0; round < 5; round += 1) {
      const deliveries = Array.from({ length: 200 }, (_, at) => ({
        to: `/swapped/${round}-${at}`,
        entries: file('x'),
      }));
      await trees.write({ ...sharedTarget(root), as: { uid: 0, gid: 0 }, links: 'any' }, deliveries, signal);
    }
    expect(await readdir(outside)).toEqual([]);
    // The control: a check followed by a write, as this process would do it, is fooled.
    const leaked = async (): Promise<boolean> => {
      if ((await lstat(join(root, 'swapped'))).isDirectory())
        await writeFile(join(root, 'swapped/leak'), 'x');
      return (await readdir(outside)).length > 0;
    };
    await until(leaked, { timeoutMs: 30_000, what: 'the unconfined control to write outside' });
    swapper.kill();
  });

  test('setuid bits do not come along', async () => {
    const [from, to] = [await makeFolder(), await makeFolder()];
    await plant(from, { su: '#!' });
    await chmod(join(from, 'su'), 0o6755);
    const moves = [{ from: { kind: 'any', path: '/su' } as const, to: '/su' }];
    const target: TreeTarget = { ...sharedTarget(to), as: { uid: 0, gid: 0 }, bits: 'keep' };
    await trees.copy({ root: from, as: 'target' }, target, moves, signal);
    expect((await stat(join(to, 'su'))).mode & 0o7777).toBe(0o755);
  });

  test('a full disk is told of as such, for all that was still to come, and leaves no part', async () => {
    const [from, to] = [await makeFolder(), await makeFolder()];
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0777', 'bulkhead-test', to]);
    onTestFinished(() => void execFileSync('umount', [to]));
    await plant(from, { small: 's', large: 'l'.repeat(3_000_000), later: 'x' });
    const moves = ['small', 'large', 'later'].map((name) => ({
      from: { kind: 'any', path: `/${name}` } as const,
      to: `/${name}`,
    }));
    const outcomes = await trees.copy({ root: from, as: 'target' }, sharedTarget(to), moves, signal);
    expect(outcomes.map(({ failure }) => failure?.code)).toEqual([undefined, 'disk-full', 'disk-full']);
    expect(outcomes[1]?.failure?.message).toContain('/large: write: No space left on device');
    expect(await readdir(to)).toEqual(['small']);
  });
});

/** Makes `swapped` now a folder, now a link to elsewhere, as fast as it can. */
async function startSwapper(root: string, elsewhere: string): Promise<ChildProcess> {
  const program = `
    my ($root, $elsewhere) = @ARGV;
    chdir $root or die $!;
    rename 'real', 'swapped' or die $!;
    symlink $elsewhere, 'link' or die $!;
    print "ready\\n"; $| = 1; close STDOUT;
    my ($here, $one, $other) = (-100, 'swapped', 'link');   # AT_FDCWD
    syscall 316, $here, $one, $here, $other, 2 while -d $root;   # renameat2, RENAME_EXCHANGE
  `;
  const child = spawn('/usr/bin/perl', ['-e', program, root, elsewhere], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  await once(child.stdout, 'data');
  return child;
}

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
