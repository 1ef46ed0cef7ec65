import { isBulkheadError } from '../errors.ts';
import { isTerminal, TES_STATES } from '../tes/states.ts';
import type { TesState } from '../tes/states.ts';
import type { TesTask } from '../tes/task.ts';
import type { Client } from './client.ts';
import type { LogLine } from './log-stream.ts';
import type { Session } from './session.ts';

/** How long a server may be away before we give up; a task outlives a restart of its server. */
const PATIENCE_MS = 10 * 60_000;
const LONGEST_PAUSE_MS = 5000;
/** After so many broken connections that told nothing new, the end of the task counts without the rest of its output. */
const FRUITLESS_CONNECTIONS = 5;

export interface FollowOptions {
  readonly client: Client;
  readonly session: Session;
  readonly id: string;
  readonly signal: AbortSignal;
  onLine(line: LogLine): Promise<void>;
  /** Something to say about the connection, for people. */
  onLost(reason: string): Promise<void>;
}

/**
 * Passes on what a task does until it has ended, each thing once: when the connection breaks, the stream is read
 * again from its start, and what was told already is left out. Undefined where the signal was aborted first.
 */
export async function follow(options: FollowOptions): Promise<TesTask | undefined> {
  const { client, session, id, signal } = options;
  const told = createMemory();
  let lostAt: number | undefined;
  let isNoted = false;
  let fruitless = 0;
  let pauseMs = 250;
  while (!signal.aborted) {
    const before = told.count();
    try {
      const connection = told.connection();
      for await (const line of client.logs(id, { follow: true, signal })) {
        const news = connection.newsOf(line);
        if (news !== undefined) await options.onLine(news);
        lostAt = undefined;
        isNoted = false;
      }
      const task = await client.get(id, 'FULL');
      if (isTerminal(knownState(task.state))) return task;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isPassing(error)) throw error;
      const now = session.now();
      // A connection on which nothing came for minutes breaks by itself: only worth a word where no new one comes.
      if (!isNoted && isBulkheadError(error))
        await options.onLost(`${error.message}; the task goes on by itself, and the server is waited for`);
      isNoted ||= isBulkheadError(error);
      lostAt ??= now;
      fruitless = told.count() > before ? 0 : fruitless + 1;
      if (fruitless >= FRUITLESS_CONNECTIONS) {
        const task = await taskIfEnded(client, id);
        if (task !== undefined) {
          await options.onLost('the rest of the output could not be read: the connection breaks each time');
          return task;
        }
      }
      if (now - lostAt > PATIENCE_MS) throw error;
    }
    pauseMs = told.count() > before ? 250 : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    await session.pause(pauseMs, signal);
  }
  return undefined;
}

async function taskIfEnded(client: Client, id: string): Promise<TesTask | undefined> {
  try {
    const task = await client.get(id, 'FULL');
    return isTerminal(knownState(task.state)) ? task : undefined;
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}

/** Worth waiting for: no server, a busy or broken one, or a connection that broke. */
export function isPassing(error: unknown): boolean {
  if (isBulkheadError(error)) return ['unreachable', 'busy', 'internal'].includes(error.code);
  return error instanceof TypeError;
}

export function knownState(state: string): TesState {
  return TES_STATES.find((known) => known === state) ?? 'UNKNOWN';
}

/** What was told, over all connections. */
interface Memory {
  count(): number;
  connection(): { newsOf(line: LogLine): LogLine | undefined };
}

/**
 * A server tells all states from the first on, but the output of the latest attempt only; so output is counted
 * by attempt, and an attempt begins with INITIALIZING.
 */
function createMemory(): Memory {
  const toldBytes = new Map<string, number>();
  const toldLines = new Set<string>();
  let count = 0;
  return { count: () => count, connection };

  function connection() {
    const seenBytes = new Map<string, number>();
    let states = 0;
    let attempt = 0;
    return { newsOf };

    function newsOf(line: LogLine): LogLine | undefined {
      const news = line.kind === 'output' ? newOutput(line) : newLine(line);
      if (news !== undefined) count++;
      return news;
    }

    function newLine(line: Exclude<LogLine, { kind: 'output' }>): LogLine | undefined {
      if (line.kind === 'state' && line.state === 'INITIALIZING') attempt++;
      const position = line.kind === 'state' ? states++ : attempt;
      const key = JSON.stringify([position, line]);
      if (toldLines.has(key)) return undefined;
      toldLines.add(key);
      return line;
    }

    function newOutput(line: LogLine & { kind: 'output' }): LogLine | undefined {
      const key = `${attempt}/${line.executor}/${line.stream}`;
      const bytes = Buffer.from(line.data, 'base64');
      const from = seenBytes.get(key) ?? 0;
      const to = from + bytes.length;
      seenBytes.set(key, to);
      const told = toldBytes.get(key) ?? 0;
      if (to <= told) return undefined;
      toldBytes.set(key, to);
      return { ...line, data: bytes.subarray(Math.max(0, told - from)).toString('base64') };
    }
  }
}
