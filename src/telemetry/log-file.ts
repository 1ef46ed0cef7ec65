import { closeSync, openSync, writeSync } from 'node:fs';
import { BulkheadError } from '../errors.ts';

/** A file that lines are added to; whatever happens to its disk, writing never throws. */
export interface LogFile {
  write(line: string): void;
  /** Opens the path anew: after logrotate(8) has moved the file away, a new one is made there. */
  reopen(): void;
  close(): void;
}

/**
 * Opens a log file for adding to, made with mode 0640 where it is missing. Each line is one write at once, so that what
 * was logged last before a crash is there. Lines that a full disk doesn't take are lost, and counted in the next one that
 * it does take: a server must not end because its log can't be written. Throws `config` where the file can't be opened.
 */
export function openLogFile(path: string): LogFile {
  let descriptor = open(path);
  let lost = 0;

  /** Part of a line may be there already, so that the next one begins on its own. */
  function add(text: string): boolean {
    try {
      return writeSync(descriptor, text) === Buffer.byteLength(text);
    } catch {
      return false;
    }
  }

  return {
    write(line) {
      const isWritten = add(lost === 0 ? line : `\n${lostLine(lost)}${line}`);
      if (!isWritten) lost += 1;
      else lost = 0;
    },
    reopen() {
      const before = descriptor;
      descriptor = open(path);
      closeSync(before);
    },
    close: () => closeSync(descriptor),
  };
}

function open(path: string): number {
  try {
    return openSync(path, 'a', 0o640);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BulkheadError(
      'config',
      `log.file: ${path} can't be opened for writing (${why}). Its folder must exist and be writable for the server's user.`,
      { cause },
    );
  }
}

function lostLine(count: number): string {
  return `${JSON.stringify({ level: 'error', msg: `${count} lines before this one could not be written`, time: new Date().toISOString() })}\n`;
}
