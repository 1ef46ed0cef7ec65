import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { LocalWarden } from '../local-warden.ts';
import type { TreeRequest } from '../tree/request.ts';
import { answerCalls } from './calls.ts';
import { encode } from './channel.ts';
import { type Held, takeMessages } from './incoming.ts';
import { FIRST_MESSAGE_MS, MAX_CONNECTIONS } from './limits.ts';
import { refuse } from './refusal.ts';
import { callsRequest, treeRequest } from './requests.ts';
import { createTreeRuns } from './tree-runs.ts';
import { createTurns } from './turns.ts';

export interface WardenService {
  close(): Promise<void>;
}

/**
 * Answers one server over a socket that its user alone may open. The first message of a connection says what it is for:
 * requests, or one tree of files. What fits nothing that the warden does is refused, and so is a second server.
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
  const runs = createTreeRuns(warden);
  const turns = createTurns();
  const held: Held = { bytes: 0 };
  let server: Socket | undefined;

  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    if (sockets.size > MAX_CONNECTIONS)
      return refuse(socket, `more than ${MAX_CONNECTIONS} connections at once`, 'busy');
    readFirst(socket, held, (first) => {
      if (callsRequest(first, '') === undefined) acceptServer(socket);
      else if (isTreeRequest(first)) runs.start(socket, first, () => server !== undefined);
      else refuse(socket, 'the first message of a connection fits nothing that the warden does');
    });
  });

  function acceptServer(socket: Socket): void {
    if (server !== undefined) return refuse(socket, 'another server is connected');
    server = socket;
    socket.on('close', () => {
      server = undefined;
      runs.stopAll();
    });
    socket.write(
      encode({ abilities: warden.abilities, folders: warden.folders, greeting: options.greeting }),
    );
    answerCalls({ warden, socket, held, runs, turns });
  }

  // Those above the limit are told so; a flood of them isn't even that.
  listener.maxConnections = 2 * MAX_CONNECTIONS;
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
function readFirst(socket: Socket, held: Held, take: (first: unknown) => void): void {
  const timer = setTimeout(() => {
    incoming.stop();
    refuse(socket, `a connection that says nothing for ${FIRST_MESSAGE_MS} ms`);
  }, FIRST_MESSAGE_MS);
  socket.once('close', () => clearTimeout(timer));
  const incoming = takeMessages({
    socket,
    held,
    hasRoom: () => true,
    take(first) {
      clearTimeout(timer);
      incoming.stop();
      take(first);
    },
    refuse(why) {
      clearTimeout(timer);
      refuse(socket, why);
    },
  });
}

function isTreeRequest(first: unknown): first is TreeRequest {
  return treeRequest(first, '') === undefined;
}
