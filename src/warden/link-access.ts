import { lstatSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as others } from 'node:timers/promises';
import { refusal } from './sealing.ts';
import { createConfinedTrees } from './tree.ts';
import type { LinkedInput } from './warden.ts';

const [READ, PASS] = [4, 1];

/** Files that are looked at before other requests have their turn. */
const LOOKS_AT_ONCE = 256;

/**
 * The kernel reads what an overlay redirects to as whoever mounted it, who is root. So a file is linked only where it could
 * have been copied as well: it is a regular file, and its owner may read it and pass every folder on the way, none of which
 * is a link. By permission bits; where they say no, by trying, since an access list may say yes. Throws `forbidden`.
 */
export async function demandReadable(links: readonly LinkedInput[]): Promise<void> {
  const known = new Map<string, Stats | undefined>();
  const doubtful: LinkedInput[] = [];
  let looked = 0;
  for (const link of links) {
    const ways = wayTo(link);
    for (const path of ways) {
      if (known.has(path)) continue;
      known.set(path, found(path));
      looked += 1;
      if (looked % LOOKS_AT_ONCE === 0) await others();
    }
    if (!isReadable(ways.map((path) => known.get(path)))) doubtful.push(link);
  }
  for (const [root, of] of Map.groupBy(doubtful, (link) => link.root)) await demandListed(root, of);
}

/** The root, each folder below it, and the file at last. */
function wayTo({ root, relative }: LinkedInput): string[] {
  const ways: string[] = [];
  for (let path = join(root, relative); path !== root; path = dirname(path)) ways.unshift(path);
  return [root, ...ways];
}

function isReadable(way: readonly (Stats | undefined)[]): boolean {
  const file = way.at(-1);
  if (file?.isFile() !== true) return false;
  const folders = way.slice(0, -1);
  return (
    folders.every((folder) => folder?.isDirectory() === true && may(file, folder, PASS)) &&
    may(file, file, READ)
  );
}

/** Undefined where it isn't there, or not even root is told of it. */
function found(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The owner of a file, in no group but the file's, as `tree.pl` is. */
function may({ uid, gid }: Stats, what: Stats, bit: number): boolean {
  const shift = what.uid === uid ? 6 : what.gid === gid ? 3 : 0;
  return ((what.mode >> shift) & bit) !== 0;
}

async function demandListed(root: string, links: readonly LinkedInput[]): Promise<void> {
  const wanted = links.map(({ relative }) => ({ kind: 'file', path: `/${relative}` }) as const);
  const listings = await createConfinedTrees().list(
    { root, as: 'target' },
    wanted,
    new AbortController().signal,
  );
  for (const [at, { path }] of wanted.entries()) {
    const [entry] = listings[at]?.entries ?? [];
    if (entry?.type !== 'file' || entry.realPath !== path)
      throw refusal(`${join(root, path)} is no file that its owner may read, reached through no link`);
  }
}
