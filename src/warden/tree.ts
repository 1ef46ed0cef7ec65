import { once } from 'node:events';
import { Readable } from 'node:stream';
import { BulkheadError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { printable } from '../printable.ts';
import type {
  ConfinedTrees,
  Delivery,
  Listed,
  Outcome,
  TreeEntry,
  TreeLimits,
  TreeSource,
  TreeTarget,
  TreeUser,
  TreeWritten,
  Wanted,
} from './confined-tree.ts';
import { type Frame, type FrameReader, fieldsOf, frame, hasRoom, writeContent } from './tree-frames.ts';
import { type TreeProcess, startTree } from './tree-process.ts';

const DEFAULT_LIMITS: TreeLimits = { entries: 1_000_000, bytes: 2 ** 50, depth: 128 };

/** Confined trees by src/warden/tree.pl: a process for each call, which needs root (of a user namespace at least). */
export function createConfinedTrees(): ConfinedTrees {
  return {
    read,
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

// --- setup ------------------------------------------------------------------------------------------------------

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
  return typeof user === 'string' ? user : `${user.uid}:${user.gid}`;
}

function wantedFrames(wanted: readonly Wanted[]): Buffer[] {
  return wanted.map(({ kind, path, prefix }, id) => frame('Q', [id, kind, path, prefix ?? '']));
}

// --- results ----------------------------------------------------------------------------------------------------

interface Collected<Item> {
  readonly entries: Item[];
  readonly messages: string[];
  failure?: BulkheadError;
}

/** An outcome for each request; one that a full disk kept from being served fails as the one that met it. */
async function collect<Item>(
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

function written(found: Frame): TreeWritten | undefined {
  const [, path = '', sourcePath = '', size] = fieldsOf(found);
  return found.kind === 'W' ? { path, sourcePath, sizeBytes: Number(size) } : undefined;
}

function outcome(
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

function listed(found: Frame): Listed | undefined {
  if (found.kind !== 'L') return undefined;
  const [, path = '', realPath = '', ...numbers] = fieldsOf(found);
  const [mode = 0, sizeBytes = 0, , uid = 0, gid = 0] = numbers.map(Number);
  const type = (mode & S_IFMT) === S_IFDIR ? 'directory' : 'file';
  return { path, realPath, type, sizeBytes, mode: mode & 0o7777, uid, gid };
}

function messageOf(found: Frame): string {
  const [, path = '', text = ''] = fieldsOf(found);
  return printable(`${path}: ${text}`);
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  'not-found': 'storage-not-found',
  denied: 'storage-denied',
  'disk-full': 'disk-full',
};

function failureOf(found: Frame): BulkheadError {
  const [, code = '', path = '', text = ''] = fieldsOf(found);
  return new BulkheadError(CODES[code] ?? 'storage-failed', printable(`${path}: ${text}`));
}

function unexpected(found: Frame): BulkheadError {
  return new BulkheadError('internal', `tree.pl answered an unexpected frame ${printable(found.kind)}`);
}

// --- reading ----------------------------------------------------------------------------------------------------

async function* read(
  source: TreeSource,
  wanted: Wanted,
  { signal, onMessage }: { signal: AbortSignal; onMessage?: (message: string) => void },
): AsyncGenerator<TreeEntry> {
  const process = startTree('read', setup(sourceFrame(source, true), wantedFrames([wanted])), signal);
  try {
    for (;;) {
      const found = await process.frames.next();
      if (found === undefined) throw await process.cut();
      if (found.kind === 'N') return;
      if (found.kind === 'X') throw failureOf(found);
      if (found.kind === 'M') onMessage?.(messageOf(found));
      const entry = entryOf(found, process);
      if (entry === undefined) continue;
      yield entry;
      if (entry.body !== undefined) await finish(entry.body, process.frames);
    }
  } finally {
    await process.end();
  }
}

function entryOf(found: Frame, process: TreeProcess): TreeEntry | undefined {
  const [, path = '', treePath = '', mode, size] = fieldsOf(found);
  if (found.kind === 'C') return { path, treePath, type: 'directory', sizeBytes: null, mode: Number(mode) };
  if (found.kind !== 'F') return undefined;
  const body = Readable.from(contentOf(process), { objectMode: false });
  body.on('error', () => {}); // whoever reads it is told by the read, too
  return { path, treePath, type: 'file', sizeBytes: Number(size), mode: Number(mode), body };
}

async function* contentOf(process: TreeProcess): AsyncGenerator<Buffer> {
  for (;;) {
    const found = await process.frames.next();
    if (found === undefined) throw await process.cut();
    if (found.kind === 'E') return;
    if (found.kind === 'X') throw failureOf(found);
    if (found.kind !== 'D') throw unexpected(found);
    yield found.bytes;
  }
}

/** Passes over what the reader of a file left, so that the next entry comes next. */
async function finish(body: Readable, frames: FrameReader): Promise<void> {
  if (body.errored) throw body.errored;
  const wasRead = body.readableEnded;
  if (!body.closed) {
    const closed = once(body, 'close');
    body.destroy();
    await closed;
  }
  if (wasRead) return;
  for (;;) {
    const found = await frames.next();
    if (found === undefined || found.kind === 'E') return;
    if (found.kind === 'X') throw failureOf(found);
  }
}

// --- writing ----------------------------------------------------------------------------------------------------

async function feed(
  process: TreeProcess,
  deliveries: readonly Delivery[],
  failures: Map<number, BulkheadError>,
): Promise<void> {
  for (const [id, { entries }] of deliveries.entries()) {
    try {
      for await (const entry of entries) {
        if (!(await feedEntry(process, id, entry))) return;
      }
      process.stdin.write(frame('Z', [id]));
    } catch (error) {
      const failure = asFailure(error);
      failures.set(id, failure);
      process.stdin.write(frame('X', [id, 'failed', '', failure.message]));
    }
    if (!(await hasRoom(process.stdin))) return;
  }
  process.stdin.write(frame('N'));
}

async function feedEntry(process: TreeProcess, id: number, entry: Omit<TreeEntry, 'treePath'>): Promise<boolean> {
  const { path, type, mode, sizeBytes, body } = entry;
  if (type === 'directory') {
    process.stdin.write(frame('C', [id, path, '', mode]));
    return hasRoom(process.stdin);
  }
  process.stdin.write(frame('F', [id, path, '', mode, sizeBytes ?? '', '']));
  for await (const chunk of body ?? []) {
    if (!(await writeContent(process.stdin, toBytes(chunk)))) return false;
  }
  process.stdin.write(frame('E'));
  return hasRoom(process.stdin);
}

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8');
  throw new BulkheadError('internal', 'the content of a file must be bytes or text');
}

function asFailure(error: unknown): BulkheadError {
  if (error instanceof BulkheadError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new BulkheadError('storage-failed', message, { cause: error });
}
