import type { Socket } from 'node:net';
import type { LocalWarden } from '../local-warden.ts';
import { encode } from './channel.ts';
import { type Held, takeMessages } from './incoming.ts';
import { MAX_HELD_BYTES, MAX_REQUESTS, MAX_UNREAD_BYTES } from './limits.ts';
import { failureOf, forbidden, refuse } from './refusal.ts';
import { isMessage, requests, type RequestName } from './requests.ts';
import type { TreeRuns } from './tree-runs.ts';
import type { Turns } from './turns.ts';

/** Requests that change something of one attempt. */
const IN_TURN: readonly string[] = [
  'openAttempt',
  'makeWorkspace',
  'create',
  'start',
  'remove',
  'closeAttempt',
] satisfies RequestName[];
/** Requests that change something of all. */
const ALONE: readonly string[] = ['sweep', 'trim'] satisfies RequestName[];
/** Requests with which another part of an attempt's life begins: who moved files of it before has ended. */
const ENDS_TREES: readonly string[] = ['makeWorkspace', 'create', 'closeAttempt'] satisfies RequestName[];

/** Any request of the warden. */
interface Asked {
  ask(request: unknown, signal: AbortSignal): Promise<unknown>;
}

/**
 * Answers the requests of one server, each held to its shape before anything looks at it. Where too many are under way, or
 * their answers aren't taken, no more are read.
 */
export function answerCalls(options: {
  readonly warden: LocalWarden;
  readonly socket: Socket;
  readonly held: Held;
  readonly runs: TreeRuns;
  readonly turns: Turns;
}): void {
  const { warden, socket, held, runs, turns } = options;
  const aborts = new Map<number, AbortController>();
  let [underWay, bytesUnderWay] = [0, 0];

  const incoming = takeMessages({
    socket,
    held,
    hasRoom: () =>
      underWay < MAX_REQUESTS && bytesUnderWay < MAX_HELD_BYTES && socket.writableLength < MAX_UNREAD_BYTES,
    refuse: (why) => refuse(socket, why),
    take(message, bytes) {
      if (!isMessage(message)) {
        incoming.stop();
        refuse(socket, 'a message that is no request');
      } else if ('abort' in message) aborts.get(message.abort)?.abort();
      else void answerOne(message, bytes);
    },
  });
  socket.on('drain', () => incoming.resume());
  incoming.resume();

  async function answerOne(
    { id, method, params }: { id: number; method: string; params: unknown },
    bytes: number,
  ): Promise<void> {
    const abort = new AbortController();
    aborts.set(id, abort);
    underWay += 1;
    bytesUnderWay += bytes;
    try {
      const value = await answer(method, params, abort.signal);
      socket.write(encode({ id, answer: value ?? null }));
    } catch (error) {
      socket.write(encode({ id, failure: failureOf(error) }));
    }
    underWay -= 1;
    bytesUnderWay -= bytes;
    if (aborts.get(id) === abort) aborts.delete(id);
    incoming.resume();
  }

  async function answer(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    if (!isName(method)) throw forbidden(`${JSON.stringify(method)}: there is no such request`);
    const fault = requests[method](params, '');
    if (fault !== undefined) throw forbidden(`${method}: ${fault.trimStart()}`);
    if (method === 'treeEnd') return await runs.end(Number(fieldOf(params, 'tree')));
    if (method === 'treeStop') {
      runs.stop(Number(fieldOf(params, 'tree')));
      return null;
    }
    // Of the shape that the method takes: checked above, field by field.
    const asked: Asked = { ask: warden[method] };
    const ask = async (): Promise<unknown> => await asked.ask.call(warden, params, signal);
    if (ALONE.includes(method)) return await turns.alone(ask);
    if (!IN_TURN.includes(method)) return await ask();
    const attempt = String(fieldOf(params, 'attempt'));
    return await turns.of(attempt, async () => {
      if (ENDS_TREES.includes(method)) await runs.endThoseOf(attempt);
      return await ask();
    });
  }
}

function isName(method: string): method is RequestName {
  return Object.hasOwn(requests, method);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
