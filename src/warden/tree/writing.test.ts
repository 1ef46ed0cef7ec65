import { execFileSync, spawn } from 'node:child_process';
import { chmod, chown, lstat, mkdir, open, readFile, readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeFolder, plant } from '../../../test/fixtures/folders.ts';
import { until } from '../../../test/poll.ts';
import { BulkheadError } from '../../errors.ts';
import type { Delivery, TreeTarget } from '../confined-tree.ts';
import { createConfinedTrees } from '../tree.ts';

const trees = createConfinedTrees();
const ALICE = { uid: 61_001, gid: 61_001 };
const BOB = { uid: 61_002, gid: 61_002 };
const { signal } = new AbortController();

function taskTarget(root: string): TreeTarget {
  return { root, as: ALICE, writesAll: true, bits: 'keep', isDurable: false, links: 'any' };
}

function sharedTarget(root: string): TreeTarget {
  return { root, as: 'parent', bits: 'open', isDurable: true, links: 'owner' };
}

async function* file(content: string | Buffer | Readable, mode = 0o644): Delivery['entries'] {
  const body = content instanceof Readable ? content : Readable.from([content], { objectMode: false });
  yield { path: '', type: 'file', sizeBytes: null, mode, body };
}

async function* climbing(): Delivery['entries'] {
  yield { path: '../../x', type: 'file', sizeBytes: 0, mode: 0o644, body: Readable.from([]) };
}

/** A descriptor to write a new file by; closed when the test ends. */
async function fileIn(folder: string, name: string): Promise<number> {
  const made = await open(join(folder, name), 'w');
  onTestFinished(() => made.close());
  return made.fd;
}

describe('writing', () => {
  test('into a task: owned by its user in a folder of root, with the bits of the source', async () => {
    const root = await makeFolder();
    await plant(root, { sealed: null });
    await chmod(join(root, 'sealed'), 0o500);
    const deliveries: Delivery[] = [
      { to: '/new/deep/program', entries: file('#!', 0o4555) },
      { to: '/sealed/secret', entries: file('s', 0o040) },
    ];
    const outcomes = await trees.write(taskTarget(root), deliveries, signal);
    expect(outcomes.map(({ failure }) => failure)).toEqual([undefined, undefined]);
    const program = await stat(join(root, 'new/deep/program'));
    expect([program.mode & 0o7777, program.uid, program.gid]).toEqual([0o755, ALICE.uid, ALICE.gid]);
    const secret = await stat(join(root, 'sealed/secret'));
    expect([secret.mode & 0o7777, secret.uid]).toEqual([0o640, ALICE.uid]);
    expect((await stat(join(root, 'new/deep'))).uid).toBe(ALICE.uid);
  });

  test('into a shared folder: as the owner of the nearest folder that is there, open to its group, whatever the umask', async () => {
    const root = await makeFolder();
    await mkdir(join(root, 'theirs'));
    await chown(join(root, 'theirs'), BOB.uid, ALICE.gid);
    const before = process.umask(0o077);
    try {
      const deliveries: Delivery[] = [
        { to: '/theirs/new/out.txt', entries: file('o', 0o600) },
        { to: '/theirs/run', entries: file('r', 0o755) },
      ];
      await trees.write(sharedTarget(root), deliveries, signal);
    } finally {
      process.umask(before);
    }
    for (const [path, mode] of [
      ['theirs/new', 0o775],
      ['theirs/new/out.txt', 0o664],
      ['theirs/run', 0o775],
    ] as const) {
      const found = await stat(join(root, path));
      expect([path, found.mode & 0o7777, found.uid, found.gid]).toEqual([path, mode, BOB.uid, ALICE.gid]);
    }
  });

  test('as the owner that the site names, by name too, also in folders of another', async () => {
    const root = await makeFolder();
    const target: TreeTarget = { ...sharedTarget(root), as: { name: 'nobody:61002' }, writesAll: true };
    const [outcome] = await trees.write(target, [{ to: '/d/x', entries: file('x') }], signal);
    expect(outcome?.failure).toBeUndefined();
    const found = await stat(join(root, 'd/x'));
    expect([found.uid, found.gid]).toEqual([65_534, BOB.gid]);
    const nobody = { ...target, as: { name: 'no-such-user' } };
    await expect(trees.write(nobody, [{ to: '/y', entries: file('y') }], signal)).rejects.toThrow(
      'this host has no user no-such-user',
    );
  });

  test('a file is replaced as a whole: whoever has it open keeps the old one', async () => {
    const root = await makeFolder();
    await plant(root, { x: 'old', link: { to: 'x' } });
    const before = await lstat(join(root, 'x'));
    await trees.write(sharedTarget(root), [{ to: '/x', entries: file('new') }], signal);
    await trees.write(sharedTarget(root), [{ to: '/link', entries: file('of its own') }], signal);
    expect((await lstat(join(root, 'x'))).ino).not.toBe(before.ino);
    expect(await readFile(join(root, 'x'), 'utf8')).toBe('new');
    expect((await lstat(join(root, 'link'))).isFile()).toBe(true);
    expect((await readdir(root)).toSorted()).toEqual(['link', 'x']);
  });

  test.each([
    ['/d', 'storage-failed', '/d: put in place: Is a directory'],
    ['/f/x', 'storage-failed', '/f: enter: Not a directory'],
    ['/theirs/x', 'storage-denied', '/theirs/x: create: Permission denied'],
  ])('to %s fails as %s', async (to, code, message) => {
    const root = await makeFolder();
    await plant(root, { d: null, f: '', theirs: null });
    await chmod(join(root, 'theirs'), 0o555);
    await chown(join(root, 'theirs'), BOB.uid, BOB.gid);
    const [outcome, next] = await trees.write(
      sharedTarget(root),
      [
        { to, entries: file('x'.repeat(2_000_000)) },
        { to: '/after', entries: file('after') },
      ],
      signal,
    );
    expect(outcome?.failure).toMatchObject({ code, message });
    expect(next?.failure).toBeUndefined();
    expect(await readFile(join(root, 'after'), 'utf8')).toBe('after');
    expect((await readdir(join(root, 'd'))).concat(await readdir(join(root, 'theirs')))).toEqual([]);
  });

  test('an entry cannot climb out of its place', async () => {
    const root = await makeFolder();
    const [outcome] = await trees.write(sharedTarget(root), [{ to: '/a/b', entries: climbing() }], signal);
    expect(outcome?.failure).toMatchObject({ code: 'storage-denied' });
    expect(await readdir(root)).toEqual([]);
  });

  test('a source that fails in the middle leaves nothing, and the next delivery is made', async () => {
    const root = await makeFolder();
    const broken = Readable.from(
      (async function* () {
        yield Buffer.alloc(700_000);
        throw new BulkheadError('storage-denied', 'no more of it');
      })(),
      { objectMode: false },
    );
    const [outcome, next] = await trees.write(
      sharedTarget(root),
      [
        { to: '/broken', entries: file(broken) },
        { to: '/next', entries: file('n') },
      ],
      signal,
    );
    expect(outcome?.failure).toMatchObject({ code: 'storage-denied', message: 'no more of it' });
    expect(next?.written).toEqual([{ path: '', sourcePath: '', sizeBytes: 1 }]);
    expect(await readdir(root)).toEqual(['next']);
  });
});

describe('copying', () => {
  test('from tree to tree: content, bits, times, empty folders; each move has its own outcome', async () => {
    const [from, to] = [await makeFolder(ALICE), await makeFolder(BOB)];
    await plant(from, { 'd/big': 'b'.repeat(1_500_000), 'd/empty': null, 'd/link': { to: 'big' } });
    await utimes(join(from, 'd/big'), 1_000_000, 1_000_000);
    const outcomes = await trees.copy(
      { root: from, as: ALICE },
      sharedTarget(to),
      [
        { from: { kind: 'any', path: '/d' }, to: '/o/d' },
        { from: { kind: 'any', path: '/missing' }, to: '/o/missing' },
        { from: { kind: 'glob', path: '/d/b*', prefix: '/d' }, to: '/o/globbed' },
      ],
      signal,
    );
    expect(outcomes.map(({ failure }) => failure?.code)).toEqual([undefined, 'storage-not-found', undefined]);
    expect(outcomes.map(({ written }) => written)).toEqual([
      [
        { path: 'big', sourcePath: '/d/big', sizeBytes: 1_500_000 },
        { path: 'link', sourcePath: '/d/link', sizeBytes: 1_500_000 },
      ],
      [],
      [{ path: 'big', sourcePath: '/d/big', sizeBytes: 1_500_000 }],
    ]);
    expect(await readFile(join(to, 'o/d/link'), 'utf8')).toBe('b'.repeat(1_500_000));
    expect(await readdir(join(to, 'o/d/empty'))).toEqual([]);
    const copied = await stat(join(to, 'o/d/big'));
    expect([copied.mtimeMs, copied.uid]).toEqual([1_000_000_000, BOB.uid]);
    expect((await readdir(join(to, 'o'))).toSorted()).toEqual(['d', 'globbed']);
  });

  test('holes stay holes: a file of 1 TiB costs what is in it', async () => {
    const [from, to] = [await makeFolder(), await makeFolder()];
    for (const [name, size] of [
      ['inner', 2 ** 40],
      ['trailing', 2 ** 40 + 12_345],
      ['hollow', 2 ** 41],
    ] as const) {
      const hollow = await open(join(from, name), 'w');
      if (name !== 'hollow') await hollow.write('begin', 0);
      if (name !== 'hollow') await hollow.write('middle', 2 ** 30);
      await (name === 'inner' ? hollow.write('end', size - 3) : hollow.truncate(size));
      await hollow.close();
    }
    const moves = [{ from: { kind: 'any', path: '/' } as const, to: '/' }];
    const [outcome] = await trees.copy({ root: from, as: 'target' }, sharedTarget(to), moves, signal);
    expect(outcome?.failure).toBeUndefined();
    for (const name of ['inner', 'trailing', 'hollow']) {
      const [before, after] = [await stat(join(from, name)), await stat(join(to, name))];
      expect([name, after.size]).toEqual([name, before.size]);
      expect(after.blocks).toBeLessThan(100);
      const copied = await open(join(to, name));
      const parts = [0, 2 ** 30, before.size - 3].map(
        async (at) => (await copied.read(Buffer.alloc(5), 0, 5, at)).buffer,
      );
      expect((await Promise.all(parts)).map(String)).toEqual(
        name === 'hollow'
          ? ['\0\0\0\0\0', '\0\0\0\0\0', '\0\0\0\0\0']
          : ['begin', 'middl', name === 'inner' ? 'end\0\0' : '\0\0\0\0\0'],
      );
      await copied.close();
    }
  });

  test('one whose server is killed ends too, and leaves no half of a file', async () => {
    const [from, to] = [await makeFolder(), await makeFolder()];
    execFileSync('head', ['-c', '400000000', '/dev/zero'], {
      stdio: ['ignore', await fileIn(from, 'large'), 'inherit'],
    });
    const program = `
      import { createConfinedTrees } from ${JSON.stringify(import.meta.resolve('../tree.ts'))};
      const move = { from: { kind: 'any', path: '/large' }, to: '/copy' };
      const target = { root: ${JSON.stringify(to)}, as: 'parent', bits: 'open', isDurable: true, links: 'owner' };
      await createConfinedTrees().copy({ root: ${JSON.stringify(from)}, as: 'target' }, target, [move], new AbortController().signal);`;
    const server = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
    await until(async () => (await readdir(to)).some((name) => name.endsWith('.part')), {
      what: 'the copy to begin',
    });
    server.kill('SIGKILL');
    await until(async () => !(await readdir(to)).some((name) => name.endsWith('.part')), {
      what: 'the part to be gone',
    });
    expect(await readdir(to)).toEqual([]);
  });

  test('an aborted one ends both its processes and leaves no half of a file', async () => {
    const [from, to] = [await makeFolder(), await makeFolder()];
    execFileSync('head', ['-c', '400000000', '/dev/zero'], {
      stdio: ['ignore', await fileIn(from, 'endless'), 'inherit'],
    });
    const controller = new AbortController();
    const copying = trees.copy(
      { root: from, as: 'target' },
      { ...sharedTarget(to), isDurable: false },
      [{ from: { kind: 'any', path: '/endless' }, to: '/copy' }],
      controller.signal,
    );
    const outcome = expect(copying).rejects.toMatchObject({ code: 'canceled' });
    await until(async () => (await readdir(to)).length > 0, { what: 'the copy to begin' });
    controller.abort();
    await outcome;
    await until(async () => (await readdir(to)).length === 0, { what: 'the part to be gone' });
  });

  test('nothing is started for nothing', async () => {
    expect(
      await trees.copy({ root: '/nowhere', as: 'target' }, sharedTarget('/nowhere'), [], signal),
    ).toEqual([]);
  });
});
