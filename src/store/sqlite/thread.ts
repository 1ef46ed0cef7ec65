/** A thread with one connection: the writer or the reader, by its `workerData`. */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import type { DatabaseSync } from 'node:sqlite';
import { releaseStartMemory } from '../../start-memory.ts';
import { openDatabase } from './database.ts';
import { toFailure } from './failure.ts';
import { prepareGroupCommit } from './group-commit.ts';
import type {
  Answer,
  Greeting,
  Handlers,
  OutputOf,
  ReadOperations,
  Request,
  ThreadData,
  WriteOperations,
} from './messages.ts';
import { prepareReads } from './read.ts';
import { prepareWrites } from './write.ts';

/** A reader that has worked this long answers what it has, in milliseconds. */
const ANSWER_AFTER_MS = 2;

if (parentPort !== null) serve(parentPort, workerData);

function serve(port: MessagePort, { role, path, busyTimeoutMs }: ThreadData): void {
  try {
    const database = openDatabase({ path, role, busyTimeoutMs });
    if (role === 'writer') serveWrites(port, database, path);
    else serveReads(port, database, path);
    releaseStartMemory();
    port.postMessage({ opened: true } satisfies Greeting);
  } catch (error) {
    port.postMessage({ opened: false, failure: toFailure(error, path) } satisfies Greeting);
    port.close();
  }
}

function serveWrites(port: MessagePort, database: DatabaseSync, path: string): void {
  const handlers = prepareWrites(database);
  const runGroup = prepareGroupCommit(database, path);
  onRequests<WriteOperations>(port, database, (requests) => {
    const answers = runGroup(
      requests.map((request) => ({ number: request.number, run: () => dispatch(handlers, request) })),
    );
    port.postMessage(answers);
    return answers.length;
  });
}

function serveReads(port: MessagePort, database: DatabaseSync, path: string): void {
  const handlers = prepareReads(database);
  const begin = database.prepare('BEGIN');
  const commit = database.prepare('COMMIT');

  /** In a transaction, so that several statements see one state. */
  function read(request: Request<ReadOperations>): Answer {
    const { number } = request;
    try {
      begin.run();
      try {
        return { number, value: dispatch(handlers, request) };
      } finally {
        commit.run();
      }
    } catch (error) {
      return { number, failure: toFailure(error, path) };
    }
  }

  onRequests<ReadOperations>(port, database, (requests) => {
    const answers: Answer[] = [];
    const end = performance.now() + ANSWER_AFTER_MS;
    for (const request of requests) {
      answers.push(read(request));
      if (performance.now() >= end) break;
    }
    port.postMessage(answers);
    return answers.length;
  });
}

/**
 * Hands over, together, all requests that have arrived, until all are answered; `handle` says how many of the first
 * it has answered. `close`, which is sent when nothing is under way any more, ends the thread.
 */
function onRequests<O>(
  port: MessagePort,
  database: DatabaseSync,
  handle: (requests: readonly Request<O>[]) => number,
): void {
  port.on('message', (first: Request<O>[] | 'close') => {
    let waiting: Request<O>[] = [];
    let message: Request<O>[] | 'close' | undefined = first;
    while (message !== undefined || waiting.length > 0) {
      if (message === 'close') {
        database.close();
        port.close();
        return;
      }
      if (message === undefined) waiting = waiting.slice(handle(waiting));
      else waiting.push(...message);
      message = receiveMessageOnPort(port)?.message;
    }
  });
}

function dispatch<O, N extends keyof O>(handlers: Handlers<O>, request: Request<O, N>): OutputOf<O, N> {
  return handlers[request.name](request.input);
}
