import { pino } from 'pino';
import type { DestinationStream, Level, Logger } from 'pino';
import { createPrettyStream } from './pretty.ts';
import { redacted } from './redaction.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: Level | 'silent';
  /** `auto`: pretty where the destination is a terminal. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Standard error where it is left out: standard output belongs to what a command answers. */
  readonly destination?: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** The server's log: one JSON object a line with RFC 3339 times and names of levels, free of secrets. */
export function createLogger({ level, format, destination = process.stderr }: LoggerOptions): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && destination.isTTY === true);
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redacted },
    },
    isPretty ? createPrettyStream(destination) : destinationOf(destination),
  );
}

function destinationOf(stream: NodeJS.WritableStream): DestinationStream {
  return { write: (line) => void stream.write(line) };
}
