import { printable } from '../printable.ts';
import type { Session } from './session.ts';

/** Resolves when the text is out of our hands, so that a slow reader slows us down. Rejects with EPIPE where nobody reads. */
export function write(stream: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

export async function writeLine(stream: NodeJS.WritableStream, line: string): Promise<void> {
  await write(stream, `${line}\n`);
}

export async function writeJson(session: Session, value: unknown): Promise<void> {
  const isTerminal = session.stdout.isTTY === true;
  await writeLine(session.stdout, JSON.stringify(value, undefined, isTerminal ? 2 : undefined));
}

/** A word about what goes on, for people, on standard error. Text of a server or task in it does nothing to a terminal. */
export async function note(session: Session, message: string): Promise<void> {
  await writeLine(session.stderr, `bulkhead: ${printable(message)}`);
}

export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}
