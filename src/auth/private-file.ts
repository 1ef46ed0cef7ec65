import { randomUUID } from 'node:crypto';
import { chmod, chown, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BulkheadError } from '../errors.ts';

/**
 * Reads a file, changes its text and puts the new one in its place at once: a reader sees the old or the new,
 * never half. Mode 0600; readable too for the group of the folder, where that is the server's. A second process that changes
 * the same file at the same time is refused with `conflict`.
 */
export async function changePrivateFile(
  file: string,
  change: (text: string | undefined) => string,
): Promise<void> {
  await makeFolder(dirname(file));
  const unlock = await lock(`${file}.lock`);
  try {
    await replace(file, change(await readIfThere(file)));
  } finally {
    await unlock();
  }
}

/** As private as the folder above: below a data folder, the server's group may look. */
async function makeFolder(folder: string): Promise<void> {
  if ((await mkdir(folder, { recursive: true, mode: 0o700 })) === undefined || !isRoot()) return;
  const { gid } = await stat(dirname(folder));
  if (gid === 0) return;
  await chown(folder, 0, gid);
  await chmod(folder, 0o750);
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Undefined where there is no such file. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function replace(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeDurably(draft, text);
    await showToGroup(draft, dirname(file));
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  const folder = await open(dirname(file));
  await folder.sync().finally(() => folder.close());
}

/** Where a server without root made the folder, it gives its group to what is made in it: no group of who writes. */
async function showToGroup(draft: string, folder: string): Promise<void> {
  const { gid } = await stat(folder);
  if (isRoot() && gid !== 0) await chown(draft, 0, gid);
  const own = isRoot() ? 0 : process.getgid?.();
  if (gid !== own && (await stat(draft)).gid === gid) await chmod(draft, 0o640);
}

/** The lock appears with its owner's pid in it: linked, so that it is never there without. */
async function lock(name: string): Promise<() => Promise<void>> {
  const own = `${name}.${randomUUID()}`;
  await writeDurably(own, String(process.pid));
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await link(own, name);
        return () => rm(name, { force: true });
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
        const holder = Number(await readIfThere(name));
        if (attempt === 3 || isAlive(holder)) throw held(name, holder);
        await rm(name, { force: true });
      }
    }
  } finally {
    await rm(own, { force: true });
  }
}

function held(name: string, holder: number): BulkheadError {
  return new BulkheadError(
    'conflict',
    `Process ${holder} is changing the same file (${name}): try again when it is done`,
  );
}

/** A lock whose process died was left behind. */
function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
