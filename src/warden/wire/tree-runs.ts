import type { Socket } from 'node:net';
import type { LocalWarden } from '../local-warden.ts';
import { runTree, type TreeRun } from '../tree/process.ts';
import type { TreeRequest } from '../tree/request.ts';
import { encode } from './channel.ts';
import { MAX_TREES } from './limits.ts';
import { failureOf, refuse } from './refusal.ts';

/** Processes that move files, each on a connection of its own. */
export interface TreeRuns {
  /** Gives the connection to a new process, where `isWanted` still and the request is allowed. */
  start(socket: Socket, request: TreeRequest, isWanted: () => boolean): void;
  /** What it said at its end, which this waits for; empty where there is no such run. */
  end(tree: number): Promise<string>;
  stop(tree: number): void;
  stopAll(): void;
  /** Ends those that touch files of this attempt. When this returns to its caller, none of them is under way. */
  endThoseOf(attempt: string): Promise<void>;
}

export function createTreeRuns(warden: Pick<LocalWarden, 'demandTree'>): TreeRuns {
  const runs = new Map<number, TreeRun & { readonly attempts: readonly string[] }>();
  /** Of them, those of which only the last words are left, until they are asked for. */
  const ended = new Set<number>();
  let starting = 0;
  let serial = 0;

  function run(socket: Socket, request: TreeRequest, tree: number): void {
    // What was allowed when it was asked for may not be any more.
    const attempts = warden.demandTree(request);
    const started = runTree(request, socket);
    runs.set(tree, { ...started, attempts });
    void keepLastWords(tree, started);
  }

  async function keepLastWords(tree: number, started: TreeRun): Promise<void> {
    await started.ended();
    if (runs.has(tree)) ended.add(tree);
    // Nobody asks for the oldest any more.
    const [oldest] = ended;
    if (oldest !== undefined && ended.size > MAX_TREES) forget(oldest);
  }

  const areTooMany = (): boolean => runs.size - ended.size + starting >= MAX_TREES;

  function forget(tree: number): void {
    runs.delete(tree);
    ended.delete(tree);
  }

  return {
    start(socket, request, isWanted) {
      if (areTooMany()) return refuse(socket, `more than ${MAX_TREES} trees of files at once`, 'busy');
      try {
        warden.demandTree(request);
      } catch (error) {
        socket.end(encode({ failure: failureOf(error) }));
        return;
      }
      serial += 1;
      const tree = serial;
      starting += 1;
      // Once it is told, the process alone reads and writes the connection.
      socket.write(encode({ tree }), () => {
        starting -= 1;
        try {
          if (isWanted() && !socket.destroyed) run(socket, request, tree);
        } catch {
          // The end of the connection tells it.
        }
        socket.destroy();
      });
    },
    stop: (tree) => runs.get(tree)?.stop(),
    async end(tree) {
      const said = (await runs.get(tree)?.ended()) ?? '';
      forget(tree);
      return said;
    },
    stopAll() {
      for (const each of runs.values()) each.stop();
      runs.clear();
      ended.clear();
    },
    async endThoseOf(attempt) {
      for (;;) {
        const under = [...runs].filter(([, { attempts }]) => attempts.includes(attempt));
        if (under.length === 0) return;
        for (const [tree, each] of under) {
          each.stop();
          await each.ended();
          forget(tree);
        }
      }
    },
  };
}
