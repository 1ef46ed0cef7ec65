import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { BulkheadError } from '../../errors.ts';
import { netstring, NetstringReader } from '../netstring.ts';
import type { ReadyDisks } from '../ready-disks.ts';
import type { Trace } from '../survey.ts';
import { type OpenTree, treeProcess } from '../tree/process.ts';
import type { UnpackedImages } from '../unpacked-images.ts';
import type { HostAbilities, Warden, WardenFolders } from '../warden.ts';
import { encode, encodeRequest, type Failure, type Json, openChannel } from './channel.ts';
import { MAX_TREES } from './limits.ts';
import { createPlaces } from './places.ts';
import type { RequestName } from './requests.ts';

/** The warden in its own process, as the server has it. */
export interface RemoteWarden extends Omit<Warden, 'close'>, ReadyDisks, UnpackedImages {
  readonly openTree: OpenTree;
  /** All that stands on the host of this instance. */
  survey(): Promise<readonly Trace[]>;
  /** What the warden's process was told to tell. */
  readonly greeting: Json;
  /** Only the connection: the warden goes on. */
  close(): Promise<void>;
}

interface Hello {
  readonly abilities: HostAbilities;
  readonly folders: WardenFolders;
  readonly greeting: Json;
}

/** Throws `warden`. `onLost`: the warden is gone, and nothing can be done without it. */
export async function connectWarden(path: string, onLost: () => void): Promise<RemoteWarden> {
  const socket = await open(path);
  socket.write(encode({ calls: true }));
  const hello: Hello = demand(await readOne(socket));
  const channel = openChannel(socket, onLost);
  const call =
    (method: RequestName) =>
    async (request: object, signal?: AbortSignal): Promise<Json> =>
      await channel.call(method, request, signal);

  const places = createPlaces(MAX_TREES);
  const openTree: OpenTree = async (request, signal) => {
    if (signal.aborted)
      throw new BulkheadError('canceled', 'the task was canceled while its files were moved');
    const message = encodeRequest(request);
    const leave = await places.enter(signal);
    try {
      const stream = await open(path);
      stream.write(message);
      const { tree }: { tree: number } = demand(await readOne(stream));
      // Asked once: the warden forgets a run that has ended.
      let said: Promise<string> | undefined;
      return treeProcess({
        input: stream,
        output: stream,
        stop: () => void channel.call('treeStop', { tree }).catch(() => {}),
        ended: () => (said ??= channel.call('treeEnd', { tree }).then(String, String).finally(leave)),
        signal,
      });
    } catch (error) {
      leave();
      throw error;
    }
  };

  return {
    ...hello,
    openTree,
    openAttempt: call('openAttempt'),
    hasDisk: call('hasDisk'),
    makeWorkspace: call('makeWorkspace'),
    syncDisk: call('syncDisk'),
    create: call('create'),
    start: call('start'),
    awaitsStart: call('awaitsStart'),
    kill: call('kill'),
    counters: call('counters'),
    remove: call('remove'),
    watchers: call('watchers'),
    closeAttempt: call('closeAttempt'),
    forgetAttempts: call('forgetAttempts'),
    sweep: call('sweep'),
    survey: async () => await channel.call('survey', {}),
    trim: async () => void (await channel.call('trim', {})),
    unpackImage: call('unpackImage'),
    listImages: call('listImages'),
    removeImage: call('removeImage'),
    imageUser: call('imageUser'),
    imageFolders: call('imageFolders'),
    async close() {
      channel.close();
    },
  };
}

async function open(path: string): Promise<Socket> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (cause) {
    throw new BulkheadError('warden', `the warden can't be reached at ${path}`, { cause });
  }
  return socket;
}

/** The first message; what follows it stays in the stream. */
async function readOne(socket: Socket): Promise<string> {
  let held = Buffer.alloc(0);
  for (;;) {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed)
        throw new BulkheadError('warden', 'the warden ended the connection without an answer');
      await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
      continue;
    }
    held = Buffer.concat([held, chunk]);
    const first = NetstringReader.first(held);
    if (first === undefined) continue;
    const rest = held.subarray(netstring(first).length);
    if (rest.length > 0) socket.unshift(rest);
    socket.removeAllListeners('readable');
    return first.toString('utf8');
  }
}

/** Throws what the warden threw. */
function demand(text: string): Json {
  const answer: { failure?: Failure } = JSON.parse(text);
  if (answer.failure !== undefined) throw new BulkheadError(answer.failure.code, answer.failure.message);
  return answer;
}
