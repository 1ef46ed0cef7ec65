import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  realpathSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BulkheadError } from '../errors.ts';
import { isInUserNamespace } from './host-ids.ts';
import type { JailPlace } from './jail.ts';
import type { ServerUser } from './server-user.ts';

/**
 * Gives the server what is its own and keeps the rest. `shared`: folders in which the server makes files of its own and
 * can't touch those of root beside them (sticky, as /tmp). `own`: the server's alone. `open`: root's, to pass through.
 * `kept`: root's alone, in one that is shared. Throws `config` where one of them is a link, or somebody else's.
 */
export function prepareServerFolders(
  folders: {
    readonly shared: readonly string[];
    readonly own: readonly string[];
    readonly open: readonly string[];
    readonly kept: readonly string[];
  },
  user: ServerUser,
): void {
  const either = [0, user.uid];
  for (const path of folders.open) ownedFolder(path, { uid: 0, gid: 0 }, 0o711, either);
  for (const path of folders.shared) {
    ownedFolder(path, { uid: 0, gid: user.gid }, 0o1770, either);
    for (const name of readdirSync(path).filter((one) => one.startsWith('bulkhead.sqlite')))
      adopt(join(path, name), user);
  }
  for (const path of folders.own) ownedFolder(path, user, 0o700, either);
  // One that a server made while it was missing holds what that server put there.
  for (const path of folders.kept) ownedFolder(path, { uid: 0, gid: 0 }, 0o700, [0]);
}

/** What is looked at is what is changed: another in its place, or a link, isn't met in between. */
function ownedFolder(path: string, owner: ServerUser, mode: number, before: readonly number[]): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder = openedFolder(path);
  try {
    const { uid } = fstatSync(folder);
    if (!before.includes(uid)) throw notOurs(path, `belongs to ${uid}`);
    fchownSync(folder, owner.uid, owner.gid);
    fchmodSync(folder, mode);
  } finally {
    closeSync(folder);
  }
}

function openedFolder(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw notOurs(path, 'is none', cause);
  }
}

function notOurs(path: string, what: string, cause?: unknown): BulkheadError {
  return new BulkheadError(
    'config',
    `${path} must be a folder of root or of the server's user, and no link; it ${what}`,
    { cause },
  );
}

/** Files of a database that a server with privilege made here before. */
function adopt(path: string, user: ServerUser): void {
  const found = lstatSync(path);
  // A file with a further name may be anybody's.
  if (!found.isFile() || found.uid !== 0 || found.nlink !== 1) return;
  lchownSync(path, user.uid, user.gid);
}

/**
 * Files that only root writes and that the server reads: readable for its group. Their folders are made here, before the
 * server could make them and have root write into a folder of its own. In a user namespace, whose ids who writes them from
 * outside can't give, a file gets its group from the folder. Throws `config` for a folder of somebody else's.
 */
export function showToServer(files: readonly string[], { gid }: ServerUser): void {
  for (const file of files) {
    const folder = dirname(file);
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    const found = lstatSync(folder);
    // The data folder itself has rules of its own.
    const isShared = (found.mode & 0o1000) !== 0;
    if (!found.isDirectory() || found.uid !== 0) {
      throw new BulkheadError(
        'config',
        `${folder} holds accounts and must be a folder of root's, and no link; it belongs to ${found.uid}`,
      );
    }
    if (!isShared) {
      lchownSync(folder, 0, gid);
      chmodSync(folder, isInUserNamespace() ? 0o2750 : 0o750);
    }
    if (!existsSync(file) || lstatSync(file).uid !== 0 || !lstatSync(file).isFile()) continue;
    lchownSync(file, 0, gid);
    chmodSync(file, 0o640);
  }
}

/**
 * How the server is shown something that the operator lists. What only its owner may read is lent, and alone: with the
 * rights of root, a folder such as /etc holds more than was listed. A folder is lent always, since tools such as umoci make
 * files in it that only root may read. Where anybody may look into the folder above, the server sees that too, and with it
 * what is put in the place of what was there. Where a symbolic link is on the way, what it leads to is shown at its own place.
 * Throws `config` for what who starts the server may not read.
 */
export function shownToServer(path: string): readonly JailPlace[] {
  if (existsSync(path)) demandReadable(path);
  const real = existsSync(path) ? realpathSync(path) : path;
  return real === path ? shownAtOnce(path) : [...shownAtOnce(real), ...shownAtOnce(path)];
}

function shownAtOnce(path: string): readonly JailPlace[] {
  const parent = dirname(path);
  const found = existsSync(path) ? statSync(path) : undefined;
  const isLent = found !== undefined && (found.isDirectory() || !mayAll(path, 0o004));
  const mayBeReplaced = found === undefined || found.isDirectory() || !isLent;
  const isParentShown = mayBeReplaced && !['/', '/tmp', '/var/tmp'].includes(parent) && mayAll(parent, 0o005);
  return [
    ...(isParentShown ? [{ how: 'ro', path: parent } as const] : []),
    ...(isLent || !isParentShown ? [{ how: 'lent', path } as const] : []),
  ];
}

function demandReadable(path: string): void {
  try {
    accessSync(path, statSync(path).isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK);
  } catch (cause) {
    throw new BulkheadError(
      'config',
      `${path} is listed in the configuration, and the user who starts the server may not read it; change its mode or its owner`,
      { cause },
    );
  }
}

function mayAll(path: string, bits: number): boolean {
  return existsSync(path) && (statSync(path).mode & bits) === bits;
}
