import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { BulkheadError } from '../errors.ts';
import type { Session } from './session.ts';

/** The text of a file, or of standard input for `-`. Throws `invalid` where it can't be read or isn't UTF-8. */
export async function readTextSource(session: Session, source: string): Promise<string> {
  const bytes = source === '-' ? await buffer(session.stdin) : readBytes(resolve(session.cwd, source));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new BulkheadError(
      'invalid',
      `${nameOf(source)} is not UTF-8 text: give binary data as --input with a path or URL`,
      { cause },
    );
  }
}

/** The same as JSON. */
export async function readJsonSource(session: Session, source: string): Promise<unknown> {
  const text = await readTextSource(session, source);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new BulkheadError(
      'invalid',
      `${nameOf(source)} is not JSON: ${cause instanceof Error ? cause.message : ''}`,
      { cause },
    );
  }
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const why = cause instanceof Error ? cause.message : '';
    throw new BulkheadError(
      'invalid',
      `${path} can't be read: ${isMissing ? 'there is no such file' : why}`,
      {
        cause,
      },
    );
  }
}

function nameOf(source: string): string {
  return source === '-' ? 'What came on standard input' : source;
}
