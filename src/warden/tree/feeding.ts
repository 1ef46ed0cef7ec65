import { BulkheadError } from '../../errors.ts';
import type { Delivery } from '../confined-tree.ts';
import { frame, hasRoom, writeContent } from './frames.ts';
import type { TreeProcess } from './process.ts';

/** Sends deliveries to a writer. Why a source failed is noted under its number; it ends early where the writer does. */
export async function feed(
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

async function feedEntry(process: TreeProcess, id: number, entry: DeliveredEntry): Promise<boolean> {
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

type DeliveredEntry = Delivery['entries'] extends AsyncIterable<infer Entry> ? Entry : never;
