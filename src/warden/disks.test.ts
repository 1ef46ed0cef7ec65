import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { createDisks } from './disks.ts';
import { startHand } from './hand.ts';
import { runFolders } from './run-folders.ts';
import * as step from './steps.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';

const MIB = 2 ** 20;
const opened: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of opened.toReversed()) await close();
});

/** Task disks on a host file system of `hostMib` MiB, itself a file that is mounted for the test. */
async function disksOn(hostMib: number, poolSize: number) {
  const base = await mkdtemp(join(tmpdir(), 'bulkhead-disks-'));
  const hand = startHand();
  const host = join(base, 'host');
  await hand.run('host', [
    step.allocate(join(base, 'host.img'), 0o600, hostMib * MIB),
    step.exec('/sbin/mke2fs', [
      '-q',
      '-F',
      '-t',
      'ext4',
      '-m',
      '0',
      '-O',
      '^has_journal',
      join(base, 'host.img'),
    ]),
    step.mkdir(host, 0o711, 0, 0),
  ]);
  const device = (
    await hand.run('host', [step.exec('/sbin/losetup', ['--find', '--show', join(base, 'host.img')])])
  ).trim();
  await hand.run('host', [step.mount(device, host, 'ext4', 0, '')]);
  const run = runFolders(join(base, 'run'), base);
  await hand.run(
    'run',
    [join(base, 'run'), run.root, run.disks].map((path) => step.mkdir(path, 0o711, 0, 0)),
  );
  opened.push(async () => {
    await hand.run('host', [step.umount(host), step.exec('/sbin/losetup', ['--detach', device])]);
    await hand.close();
    await rm(base, { recursive: true, force: true });
  });
  const disks = createDisks({ hand, run, folder: host, poolSize });
  return { host, disks, discard: (slot: number) => opened.push(() => disks.discard(slot)) };
}

describe('task disks', () => {
  it('hold what was promised, to the byte limit and not beyond', async () => {
    const { disks, discard } = await disksOn(96, 1);
    discard(0);
    await disks.open({ slot: 0, bytes: 16 * MIB, inodes: 256 });
    const path = join(disks.folder(0), 'file');
    await writeFile(path, Buffer.alloc(15 * MIB));
    await expect(writeFile(join(disks.folder(0), 'more'), Buffer.alloc(16 * MIB))).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    expect((await readFile(path)).length).toBe(15 * MIB);
    expect((await disks.isFull(0)).bytes).toBe(true);
  });

  it('are empty for the next task, and ready', async () => {
    const { disks, discard } = await disksOn(96, 1);
    discard(0);
    const request = { slot: 0, bytes: 16 * MIB, inodes: 256 };
    await disks.open(request);
    await writeFile(join(disks.folder(0), 'left'), 'by the first task');
    await disks.close(0);
    expect(disks.pooled()).toHaveLength(1);
    await disks.open(request);
    await expect(readFile(join(disks.folder(0), 'left'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that only wait for a task give way to one that needs their room', async () => {
    const { disks, discard } = await disksOn(96, 2);
    discard(1);
    await disks.open({ slot: 0, bytes: 48 * MIB, inodes: 256 });
    await disks.close(0);
    await disks.open({ slot: 1, bytes: 56 * MIB, inodes: 256 });
    expect(disks.pooled()).toHaveLength(0);
  });

  it('are refused on a full host, and leave nothing of the attempt', async () => {
    const { host, disks, discard } = await disksOn(64, 2);
    discard(0);
    await disks.open({ slot: 0, bytes: 32 * MIB, inodes: 256 });
    await expect(disks.open({ slot: 1, bytes: 48 * MIB, inodes: 256 })).rejects.toMatchObject({
      code: 'disk-full',
    });
    const { stdout } = await promisify(execFile)('/sbin/losetup', [
      '--list',
      '--noheadings',
      '--raw',
      '--output',
      'BACK-FILE',
    ]);
    expect(stdout).not.toContain(join(host, '1.img'));
    await writeFile(join(disks.folder(0), 'file'), 'the neighbour goes on');
  });

  it('whose mount a restart of the host took away leave no file behind', async () => {
    const { host, disks } = await disksOn(96, 1);
    // As the next process finds it.
    await writeFile(join(host, '3.img'), 'blocks');
    expect(disks.has(3)).toBe(false);
    await disks.close(3);
    await expect(readFile(join(host, '3.img'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
