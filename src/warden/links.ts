import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hand } from './hand.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';
import type { LinkedInputs } from './warden.ts';

/**
 * Inputs without a copy. The workspace is an overlay whose lowest layer is the folder that the operator lists: an
 * empty file of the right size, owned by the task, stands for each file of the inputs and redirects to its data. The
 * task may rename, edit or delete it; the first write copies it up to the task's disk, and the source is never touched.
 * The kernel follows no symbolic link, `..` or mount in a redirect, and finds regular files only. Safe to repeat.
 * Source: Documentation/filesystems/overlayfs.rst, "Data-only lower layers" (Linux 6.5).
 */
export function linkSteps(request: {
  readonly run: RunFolders;
  /** Below the run folder, on the task's disk. */
  readonly onDisk: string;
  /** Where the overlay appears. */
  readonly target: string;
  readonly dataName: (root: number) => string;
  readonly inputs: LinkedInputs;
  readonly folders: (root: string) => step.Step[];
  readonly uid: number;
  readonly gid: number;
}): step.Step[] {
  const { run, onDisk, target, uid, gid } = request;
  const { links, linkedFolders } = request.inputs;
  const roots = [...new Set(links.map(({ root }) => root))];
  const layer = (name: string): string => join(run.root, onDisk, name);
  return [
    ...(existsSync(layer('meta')) ? undo(request, roots.length) : []),
    step.mkdir(layer('meta'), 0o755, 0, 0),
    step.mkdir(layer('ws'), 0o755, 0, 0),
    step.mkdir(layer('ws-work'), 0o700, 0, 0),
    ...request.folders(layer('meta')),
    ...request.folders(layer('ws')),
    // A folder that is there stays as it is: the ways to the inputs, then what is in them, of the mode of its source.
    ...above([...links, ...linkedFolders], linkedFolders).map((path) =>
      step.mkdir(join(layer('meta'), path), 0o755, uid, gid),
    ),
    ...linkedFolders.map(({ path, mode }) => step.mkdir(join(layer('meta'), path), mode, uid, gid)),
    ...links.map(({ path, mode, sizeBytes, modifiedAt, relative }) =>
      step.standIn({
        path: join(layer('meta'), path),
        mode,
        uid,
        gid,
        sizeBytes,
        modifiedAt,
        redirect: `/${relative}`,
      }),
    ),
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
        inputs: {
          links: [
            {
              root: join(folder, 'source'),
              relative: 'file',
              path: '/in',
              mode: 0o600,
              sizeBytes: words.length,
              modifiedAt: 0,
            },
          ],
          linkedFolders: [],
        },
        folders: () => [],
        uid: 0,
        gid: 0,
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

/** Nothing of the task ran: what an earlier try left goes. */
function undo(
  {
    run,
    onDisk,
    target,
    dataName,
  }: Pick<Parameters<typeof linkSteps>[0], 'run' | 'onDisk' | 'target' | 'dataName'>,
  roots: number,
): step.Step[] {
  const layers = ['meta', 'ws', 'ws-work'].map((name) => join(run.root, onDisk, name));
  return [
    step.umount(target),
    ...Array.from({ length: roots }, (_, at) => step.umount(join(run.roots, dataName(at)))),
    step.exec('/bin/rm', ['-rf', '--one-file-system', '--', ...layers]),
  ];
}

/** The folders that places are in, each after the one that it is in, but for those that are told. */
function above(
  places: readonly { readonly path: string }[],
  told: readonly { readonly path: string }[],
): string[] {
  const known = new Set(told.map(({ path }) => path));
  const found = new Set<string>();
  for (const { path } of places) {
    const parts = path.split('/').filter((part) => part !== '');
    for (const at of parts.keys()) {
      const folder = `/${parts.slice(0, at).join('/')}`;
      if (at > 0 && !known.has(folder)) found.add(folder);
    }
  }
  return [...found];
}
