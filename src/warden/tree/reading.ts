import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { ReadOptions, TreeEntry } from '../confined-tree.ts';
import { type Frame, type FrameReader, fieldsOf } from './frames.ts';
import type { TreeProcess } from './process.ts';
import { failureOf, messageOf, unexpected } from './results.ts';

/** The entries of one request, as they come. */
export async function* entriesOf(
  process: TreeProcess,
  onMessage: ReadOptions['onMessage'],
): AsyncGenerator<TreeEntry> {
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
