import { BulkheadError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { printable } from '../../printable.ts';
import type { Listed, Outcome, TreeWritten } from '../confined-tree.ts';
import { type Frame, fieldsOf } from './frames.ts';
import type { TreeProcess } from './process.ts';

export interface Collected<Item> {
  readonly entries: Item[];
  readonly messages: string[];
  failure?: BulkheadError;
}

/** An outcome for each request; one that a full disk kept from being served fails as the one that met it. */
export async function collect<Item>(
  process: TreeProcess,
  count: number,
  parse: (found: Frame) => Item | undefined,
): Promise<Collected<Item>[]> {
  const outcomes = Array.from({ length: count }, (): Collected<Item> => ({ entries: [], messages: [] }));
  const open = new Set(outcomes);
  try {
    for (;;) {
      const found = await process.frames.next();
      if (found?.kind === 'N') return outcomes;
      if (found === undefined) {
        const full = outcomes.find(({ failure }) => failure?.code === 'disk-full')?.failure;
        const cause = await process.cut();
        if (full === undefined || cause.code === 'canceled') throw cause;
        for (const unserved of open) unserved.failure = full;
        return outcomes;
      }
      const one = outcomes[Number(fieldsOf(found)[0])];
      if (one === undefined) throw unexpected(found);
      const item = parse(found);
      if (item !== undefined) one.entries.push(item);
      else if (found.kind === 'M') one.messages.push(messageOf(found));
      else if (found.kind === 'X') one.failure = failureOf(found);
      if (found.kind === 'X' || found.kind === 'Z') open.delete(one);
    }
  } finally {
    await process.end();
  }
}

export function written(found: Frame): TreeWritten | undefined {
  const [, path = '', sourcePath = '', size] = fieldsOf(found);
  return found.kind === 'W' ? { path, sourcePath, sizeBytes: Number(size) } : undefined;
}

export function outcome(
  entries: readonly TreeWritten[],
  { messages, failure }: { messages: readonly string[]; failure?: BulkheadError },
  sourceFailure?: BulkheadError,
): Outcome {
  const reason = sourceFailure ?? failure;
  return { written: entries, messages, ...(reason === undefined ? {} : { failure: reason }) };
}

/** The type bits of `st_mode`; `inode(7)`. */
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

export function listed(found: Frame): Listed | undefined {
  if (found.kind !== 'L') return undefined;
  const [, path = '', realPath = '', ...numbers] = fieldsOf(found);
  const [mode = 0, sizeBytes = 0, modifiedAt = 0, uid = 0, gid = 0] = numbers.map(Number);
  const type = (mode & S_IFMT) === S_IFDIR ? 'directory' : 'file';
  return { path, realPath, type, sizeBytes, mode: mode & 0o7777, modifiedAt, uid, gid };
}

export function messageOf(found: Frame): string {
  const [, path = '', text = ''] = fieldsOf(found);
  return printable(`${path}: ${text}`);
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  'not-found': 'storage-not-found',
  denied: 'storage-denied',
  'disk-full': 'disk-full',
};

export function failureOf(found: Frame): BulkheadError {
  const [, code = '', path = '', text = ''] = fieldsOf(found);
  return new BulkheadError(CODES[code] ?? 'storage-failed', printable(`${path}: ${text}`));
}

export function unexpected(found: Frame): BulkheadError {
  return new BulkheadError('internal', `tree.pl answered an unexpected frame ${printable(found.kind)}`);
}
