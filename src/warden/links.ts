import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hand } from './hand.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';
import type { LinkedInput } from './warden.ts';

/**
 * Inputs without a copy. The workspace is an overlay whose lowest layer is the folder that the operator lists: an
 * empty file of the right size, owned by the task, stands for each input and redirects to its data. The task may
 * rename, edit or delete it; the first write copies it up to the task's disk, and the source is never touched. The
 * kernel follows no symbolic link, `..` or mount in a redirect, and finds regular files only.
 * Source: Documentation/filesystems/overlayfs.rst, "Data-only lower layers" (Linux 6.5).
 */
export function linkSteps(request: {
  readonly run: RunFolders;
  /** Below the run folder, on the task's disk. */
  readonly onDisk: string;
  /** Where the overlay appears. */
  readonly target: string;
  readonly dataName: (root: number) => string;
  readonly inputs: readonly LinkedInput[];
  readonly folders: (root: string) => step.Step[];
  readonly uid: number;
  readonly gid: number;
  readonly rootId: number;
}): step.Step[] {
  const { run, onDisk, target, inputs, uid, gid } = request;
  const roots = [...new Set(inputs.map(({ root }) => root))];
  const layer = (name: string): string => join(run.root, onDisk, name);
  return [
    step.mkdir(layer('meta'), 0o755, 0, 0),
    step.mkdir(layer('ws'), 0o755, 0, 0),
    step.mkdir(layer('ws-work'), 0o700, 0, 0),
    ...request.folders(layer('meta')),
    ...request.folders(layer('ws')),
    ...inputs.flatMap(({ path, mode, sizeBytes, relative }) => [
      ...parents(path).map((folder) => step.mkdir(join(layer('meta'), folder), 0o755, uid, gid)),
      step.sparse(join(layer('meta'), path), mode, uid, gid, sizeBytes),
      step.xattr(join(layer('meta'), path), 'trusted.overlay.metacopy', ''),
      step.xattr(join(layer('meta'), path), 'trusted.overlay.redirect', `/${relative}`),
    ]),
    ...roots.flatMap((root, at) => [
      step.mkdir(join(run.roots, request.dataName(at)), 0o711, 0, 0),
      step.mount(root, join(run.roots, request.dataName(at)), 'none', step.MS.bind, ''),
    ]),
    step.mkdir(target, 0o711, 0, 0),
    step.chdir(run.root),
    step.mount(
      'overlay',
      target,
      'overlay',
      step.MS.nodev | step.MS.nosuid,
      `lowerdir=${onDisk}/meta${roots.map((_, at) => `::roots/${request.dataName(at)}`).join('')},upperdir=${onDisk}/ws,workdir=${onDisk}/ws-work,metacopy=on,redirect_dir=on`,
    ),
  ];
}

/** By trying, on a small example. */
export async function probeLinks(hand: Hand, run: RunFolders): Promise<boolean> {
  const folder = join(run.root, 'probe');
  const target = join(run.roots, 'probe');
  const data = join(run.roots, 'probe-data-0');
  const words = 'the data of the lowest layer';
  try {
    await hand.run('trying inputs without a copy', [
      step.mkdir(folder, 0o711, 0, 0),
      step.mkdir(join(folder, 'source'), 0o711, 0, 0),
      step.write(join(folder, 'source', 'file'), 0o600, 0, 0, words),
      step.mkdir(join(folder, 'disk'), 0o711, 0, 0),
      ...linkSteps({
        run,
        onDisk: 'probe/disk',
        target,
        dataName: (at) => `probe-data-${at}`,
        inputs: [
          {
            root: join(folder, 'source'),
            relative: 'file',
            path: '/in',
            mode: 0o600,
            sizeBytes: words.length,
          },
        ],
        folders: () => [],
        uid: 0,
        gid: 0,
        rootId: 0,
      }),
    ]);
    return (await readFile(join(target, 'in'), 'utf8')) === words;
  } catch {
    return false;
  } finally {
    await hand.run('trying inputs without a copy', [
      step.umount(target),
      step.umount(data),
      step.rmdir(target),
      step.rmdir(data),
      step.exec('/bin/rm', ['-rf', '--one-file-system', '--', folder]),
    ]);
  }
}

function parents(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.slice(0, -1).map((_, at) => parts.slice(0, at + 1).join('/'));
}
