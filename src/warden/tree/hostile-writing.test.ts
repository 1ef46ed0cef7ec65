import { execFileSync } from 'node:child_process';
import { chmod, chown, lstat, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeFolder, makeSecret, plant } from '../../../test/fixtures/folders.ts';
import { until } from '../../../test/poll.ts';
import { startSwapper } from '../../../test/fixtures/swapper.ts';
import type { Delivery, TreeTarget } from '../confined-tree.ts';
import { createConfinedTrees } from '../tree.ts';

/** What a hostile task, or another user of a shared folder, tries; beside each the control without what prevents it. */
const trees = createConfinedTrees();
const ALICE = { uid: 61_001, gid: 61_001 };
const MALLORY = { uid: 61_666, gid: 61_666 };
const { signal } = new AbortController();
const SECRET = 'the secret of the host';

async function* file(content: string): Delivery['entries'] {
  yield { path: '', type: 'file', sizeBytes: null, mode: 0o644, body: Readable.from([Buffer.from(content)]) };
}

function sharedTarget(root: string): TreeTarget {
  return { root, as: 'parent', bits: 'open', isDurable: false, links: 'owner' };
}

describe('what is written', () => {
  test('a link in place of the file is replaced, not followed', async () => {
    const [root, secret] = [await makeFolder(), await makeSecret(SECRET)];
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
