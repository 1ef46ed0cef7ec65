import { pino } from 'pino';
import type { DestinationStream, Level, Logger } from 'pino';
import type { LogFile } from './log-file.ts';
import { prettyLine } from './pretty.ts';
import { redacted } from './redaction.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: Level | 'silent';
  /** `auto`: pretty where the destination is a terminal. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Instead of a stream; `auto` is JSON then. */
  readonly file?: Pick<LogFile, 'write'>;
  /** Standard error where it is left out: standard output belongs to what a command answers. */
  readonly destination?: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** The server's log: one JSON object a line with RFC 3339 times and names of levels, free of secrets. */
export function createLogger({ level, format, file, destination = process.stderr }: LoggerOptions): Logger {
  const isPretty =
    format === 'pretty' || (format === 'auto' && file === undefined && destination.isTTY === true);
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redacted },
    },
    streamOf(isPretty, file, destination),
  );
}

function streamOf(
  isPretty: boolean,
  file: Pick<LogFile, 'write'> | undefined,
  stream: NodeJS.WritableStream,
): DestinationStream {
  const write = (text: string): void => {
    if (file === undefined) stream.write(text);
    else file.write(text);
  };
  return { write: isPretty ? (line) => write(prettyLine(line)) : write };
}
