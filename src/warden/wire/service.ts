import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { BulkheadError, isBulkheadError } from '../../errors.ts';
import type { LocalWarden } from '../local-warden.ts';
import { runTree, type TreeRun } from '../tree/process.ts';
import type { TreeRequest } from '../tree/request.ts';
import { encode, type Failure, readMessages } from './channel.ts';
import { requests, type RequestName, treeRequest } from './requests.ts';

export interface WardenService {
  close(): Promise<void>;
}

/** Requests with which another part of an attempt's life begins: who moved files of it before has ended. */
const ENDS_TREES: readonly string[] = ['makeWorkspace', 'create', 'closeAttempt'];

/** Any request of the warden. */
interface Asked {
  ask(request: unknown, signal: AbortSignal): Promise<unknown>;
}

/** More than the largest attempt: its executors come from one request body. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;
/** Each may hold a process that moves files: many more than a machine runs tasks. */
const MAX_CONNECTIONS = 1024;

/**
 * Answers one server over a socket that its user alone may open. Each request is held to its shape before anything looks
 * at it; one that doesn't fit is refused, and so is a second server.
 */
export async function serveWarden(options: {
  readonly warden: LocalWarden;
  readonly socket: string;
  /** Who may open it. */
  readonly uid: number;
  readonly gid: number;
  /** Told to the server first of all. */
  readonly greeting: unknown;
}): Promise<WardenService> {
  const { warden, socket: path, uid, gid } = options;
  const runs = new Map<number, TreeRun & { readonly attempts: readonly string[] }>();
  let serial = 0;
  let server: Socket | undefined;

  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    readFirst(socket, (text) => {
      const first: unknown = JSON.parse(text);
      if (isCalls(first)) answerCalls(socket);
      else if (treeRequest(first, '') === undefined) {
        // Of that shape.
        const request: TreeRequest = JSON.parse(text);
        startRun(socket, request);
      } else refuse(socket, 'the first message of a connection fits nothing that the warden does');
    });
  });

  function answerCalls(socket: Socket): void {
    if (server !== undefined) return refuse(socket, 'another server is connected');
    server = socket;
    socket.on('close', () => {
      server = undefined;
      for (const run of runs.values()) run.stop();
      runs.clear();
    });
    const aborts = new Map<number, AbortController>();
    socket.write(
      encode({ abilities: warden.abilities, folders: warden.folders, greeting: options.greeting }),
    );
    readMessages(socket, MAX_MESSAGE_BYTES, (text) => {
      const message: unknown = JSON.parse(text);
      if (!isMessage(message)) throw new TypeError('not a request');
      if ('abort' in message) return aborts.get(message.abort)?.abort();
      const { id, method, params } = message;
      const abort = new AbortController();
      aborts.set(id, abort);
      void answer(method, params, abort.signal)
        .then(
          (value) => socket.write(encode({ id, answer: value ?? null })),
          (error: unknown) => socket.write(encode({ id, failure: failureOf(error) })),
        )
        .finally(() => aborts.delete(id));
    });
  }

  async function answer(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    if (!isName(method))
      throw new BulkheadError(
        'forbidden',
        `the warden has no request ${JSON.stringify(method.slice(0, 40))}`,
      );
    const fault = requests[method](params, '');
    if (fault !== undefined)
      throw new BulkheadError('forbidden', `the warden refuses ${method}: ${fault.trimStart()}`);
    if (method === 'treeEnd' || method === 'treeStop') return endRun(method, Number(fieldOf(params, 'tree')));
    // Of the shape that the method takes: checked above, field by field.
    const asked: Asked = { ask: warden[method] };
    if (ENDS_TREES.includes(method)) await endRunsOf(String(fieldOf(params, 'attempt')));
    return await asked.ask.call(warden, params, signal);
  }

  function startRun(socket: Socket, request: TreeRequest): void {
    try {
      warden.demandTree(request);
    } catch (error) {
      socket.end(encode({ failure: failureOf(error) }));
      return;
    }
    serial += 1;
    const tree = serial;
    // Once it is told, the process alone reads and writes the connection.
    socket.write(encode({ tree }), () => {
      try {
        // Whoever asked may be gone by now, and what was allowed may not be any more.
        if (server !== undefined && !socket.destroyed) {
          const attempts = warden.demandTree(request);
          runs.set(tree, { ...runTree(request, socket), attempts });
        }
      } catch {
        // The end of the connection tells it.
      }
      socket.destroy();
    });
  }

  /** What was allowed before isn't any more. When this returns to its caller, none of them is under way. */
  async function endRunsOf(attempt: string): Promise<void> {
    for (;;) {
      const under = [...runs].filter(([, { attempts }]) => attempts.includes(attempt));
      if (under.length === 0) return;
      for (const [tree, run] of under) {
        run.stop();
        await run.ended();
        runs.delete(tree);
      }
    }
  }

  async function endRun(method: 'treeEnd' | 'treeStop', tree: number): Promise<string> {
    const run = runs.get(tree);
    if (run === undefined) return '';
    if (method === 'treeStop') {
      run.stop();
      return '';
    }
    const said = await run.ended();
    runs.delete(tree);
    return said;
  }

  listener.maxConnections = MAX_CONNECTIONS;
  mkdirSync(dirname(path), { recursive: true });
  chmodSync(dirname(path), 0o750);
  chownSync(dirname(path), 0, gid);
  if (existsSync(path)) rmSync(path);
  await listening(listener, path);
  chownSync(path, uid, gid);
  chmodSync(path, 0o600);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
      rmSync(dirname(path), { recursive: true, force: true });
    },
  };
}

async function listening(listener: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject).listen(path, resolve);
  });
}

/** One message, and not a byte beyond it: what follows may be another process's. */
function readFirst(socket: Socket, take: (text: string) => void): void {
  const take1 = (text: string): void => {
    socket.removeAllListeners('data').pause();
    take(text);
  };
  readMessages(socket, MAX_MESSAGE_BYTES, take1);
}

function refuse(socket: Socket, why: string): void {
  socket.end(encode({ failure: { code: 'forbidden', message: `the warden refuses: ${why}` } }));
}

function failureOf(error: unknown): Failure {
  if (isBulkheadError(error)) return { code: error.code, message: error.message };
  return { code: 'warden', message: error instanceof Error ? error.message : String(error) };
}

function isName(method: string): method is RequestName {
  return Object.hasOwn(requests, method);
}

function isCalls(first: unknown): boolean {
  return fieldOf(first, 'calls') === true;
}

type Message =
  | { readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly abort: number };

function isMessage(message: unknown): message is Message {
  if (typeof fieldOf(message, 'abort') === 'number') return true;
  return typeof fieldOf(message, 'id') === 'number' && typeof fieldOf(message, 'method') === 'string';
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
