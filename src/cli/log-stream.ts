import { BulkheadError } from '../errors.ts';

/** One line of `GET /bulkhead/v1/tasks/{id}/logs`. */
export type LogLine =
  | { readonly kind: 'state'; readonly state: string; readonly at?: number | string }
  | { readonly kind: 'progress'; readonly message: string; readonly at?: number | string }
  | {
      readonly kind: 'output';
      readonly executor: number;
      readonly stream: 'stdout' | 'stderr';
      readonly data: string;
    }
  | {
      readonly kind: 'exit';
      readonly executor: number;
      readonly exitCode: number;
      readonly at?: number | string;
    };

/** The lines of newline-delimited JSON as they arrive. What a newer server adds is passed over. */
export async function* readLogLines(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<LogLine, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const read = parseLogLine(line);
      if (read !== undefined) yield read;
    }
  }
  // A line without its end is one that was cut off: the stream is taken up again, and it comes whole.
}

function parseLogLine(line: string): LogLine | undefined {
  if (line.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new BulkheadError('not-found', 'What the server sends is not the log of a task: check --server', {
      cause,
    });
  }
  return isLogLine(value) ? value : undefined;
}

function isLogLine(value: unknown): value is LogLine {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, state, message, executor, stream, data, exitCode }: Record<string, unknown> = { ...value };
  switch (kind) {
    case 'state':
      return typeof state === 'string';
    case 'progress':
      return typeof message === 'string';
    case 'output':
      return (
        typeof executor === 'number' &&
        (stream === 'stdout' || stream === 'stderr') &&
        typeof data === 'string'
      );
    case 'exit':
      return typeof executor === 'number' && typeof exitCode === 'number';
    default:
      return false;
  }
}
