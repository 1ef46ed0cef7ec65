import type { TreeLimits, TreeSource, TreeTarget, TreeUser, Wanted } from '../confined-tree.ts';
import { frame } from './frames.ts';
import type { TreeRequest } from './request.ts';

const DEFAULT_LIMITS: TreeLimits = { entries: 1_000_000, bytes: 2 ** 50, depth: 128 };

/** A request as src/warden/tree.pl reads it. */
export function setupFrames({ from, to, wanted, places }: TreeRequest): Buffer {
  return Buffer.concat([
    ...(from === undefined ? [] : [sourceFrame(from)]),
    ...(to === undefined ? [] : [targetFrame(to)]),
    ...wantedFrames(wanted),
    ...places.map((place, id) => frame('P', [id, place])),
    frame('G'),
  ]);
}

function sourceFrame(source: TreeSource & { readonly withContents: boolean }): Buffer {
  const { entries, bytes, depth } = { ...DEFAULT_LIMITS, ...source.limits };
  return settings('from', {
    root: source.root,
    as: userText(source.as),
    all: Number(source.readsAll ?? false),
    contents: Number(source.withContents),
    entries,
    bytes,
    depth,
    shown: source.shown ?? '',
  });
}

function targetFrame(target: TreeTarget): Buffer {
  return settings('to', {
    root: target.root,
    as: userText(target.as),
    all: Number(target.writesAll ?? false),
    files: target.bits,
    sync: Number(target.isDurable),
    links: target.links,
    shown: target.shown ?? '',
  });
}

function settings(side: 'from' | 'to', values: Readonly<Record<string, string | number>>): Buffer {
  return frame('S', [side, ...Object.entries(values).flat()]);
}

function userText(user: TreeUser | 'target' | 'parent'): string {
  if (typeof user === 'string') return user;
  return 'name' in user ? user.name : `${user.uid}:${user.gid}`;
}

function wantedFrames(wanted: readonly Wanted[]): Buffer[] {
  return wanted.map(({ kind, path, prefix }, id) => frame('Q', [id, kind, path, prefix ?? '']));
}
