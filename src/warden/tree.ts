import type { BulkheadError } from '../errors.ts';
import type { ConfinedTrees, TreeLimits, TreeSource, TreeTarget, TreeUser, Wanted } from './confined-tree.ts';
import { feed } from './tree/feeding.ts';
import { frame } from './tree/frames.ts';
import { startTree } from './tree/process.ts';
import { entriesOf } from './tree/reading.ts';
import { collect, listed, outcome, written } from './tree/results.ts';

const DEFAULT_LIMITS: TreeLimits = { entries: 1_000_000, bytes: 2 ** 50, depth: 128 };

/** Confined trees by src/warden/tree.pl: a process for each call, which needs root (of a user namespace at least). */
export function createConfinedTrees(): ConfinedTrees {
  return {
    async *read(source, wanted, { signal, onMessage }) {
      const process = startTree('read', setup(sourceFrame(source, true), wantedFrames([wanted])), signal);
      yield* entriesOf(process, onMessage);
    },
    async list(source, wanted, signal) {
      if (wanted.length === 0) return [];
      const process = startTree('read', setup(sourceFrame(source, false), wantedFrames(wanted)), signal);
      return collect(process, wanted.length, listed);
    },
    async write(target, deliveries, signal) {
      if (deliveries.length === 0) return [];
      const places = deliveries.map(({ to }, id) => frame('P', [id, to]));
      const process = startTree('write', setup(targetFrame(target), places), signal);
      const failures = new Map<number, BulkheadError>();
      const fed = feed(process, deliveries, failures);
      const outcomes = await collect(process, deliveries.length, written);
      await fed;
      return outcomes.map(({ entries, ...rest }, id) => outcome(entries, rest, failures.get(id)));
    },
    async copy(source, target, moves, signal) {
      if (moves.length === 0) return [];
      const frames = [
        targetFrame(target),
        ...wantedFrames(moves.map(({ from }) => from)),
        ...moves.map(({ to }, id) => frame('P', [id, to])),
      ];
      const process = startTree('copy', setup(sourceFrame(source, true), frames), signal);
      const outcomes = await collect(process, moves.length, written);
      return outcomes.map(({ entries, ...rest }) => outcome(entries, rest));
    },
  };
}

function setup(first: Buffer, others: readonly Buffer[]): Buffer {
  return Buffer.concat([first, ...others, frame('G')]);
}

function sourceFrame(source: TreeSource, withContents: boolean): Buffer {
  const { entries, bytes, depth } = { ...DEFAULT_LIMITS, ...source.limits };
  return settings('from', {
    root: source.root,
    as: userText(source.as),
    all: Number(source.readsAll ?? false),
    contents: Number(withContents),
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
