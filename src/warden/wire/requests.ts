import { COMPATS, ISOLATIONS, NETWORK_MODES, PRIVILEGES, ROOT_FILE_SYSTEMS } from '../../sandbox/sandbox.ts';
import { either, exactly, flag, integer, listOf, number, oneOf, type Shape, text } from './shape.ts';

/**
 * What the server may ask of the warden, field by field. A request that isn't exactly of its shape is refused before
 * anything looks at it; what a shape can't say (whose disk, which roots) is `guard.ts`'s to refuse.
 */

/** Of a path, and of a pattern of paths. */
const PATH_LENGTH = 4096;
/** What one message holds is limited as a whole. */
const ANY_LENGTH = Infinity;
const MANY = { to: 100_000 };
const ABSOLUTE = /^\/$|^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/;

/** Task and number of the attempt; also a container's and a folder's name, so of few characters and no dot. */
const attempt = text(80, /^[a-z0-9][a-z0-9-]{0,79}$/);
const index = integer(0, 9999);
const slot = integer(0, 4095);
const digest = text(71, /^sha256:[0-9a-f]{64}$/);
const insideId = integer(0, 65_535);
const hostId = integer(0, 4_294_967_294);
const count = integer(0, Number.MAX_SAFE_INTEGER);
const words = text(ANY_LENGTH, /^[^\0]*$/);
const mode = integer(0, 0o7777);
/** Absolute, and no part of it is empty, `.` or `..`. */
const path = text(PATH_LENGTH, ABSOLUTE);
const relativePath = text(PATH_LENGTH, /^(?!\.{1,2}(\/|$))[^/\0]+(\/(?!\.{1,2}(\/|$))[^/\0]+)*$/);
/** Inside of a container, as a task writes it. */
const insidePath = text(PATH_LENGTH, /^\/[^\0]*$/);
/** Empty for none. */
const streamPath = text(PATH_LENGTH, /^$|^\/[^\0]*$/);
const bytes = integer(1, 2 ** 50);
const inodes = integer(1, 2 ** 32 - 1);
const duration = either(count, oneOf(null));

const sandbox = exactly({
  profile: words,
  isolation: oneOf(...ISOLATIONS),
  privilege: oneOf(...PRIVILEGES),
  network: oneOf(...NETWORK_MODES),
  rootfs: oneOf(...ROOT_FILE_SYSTEMS),
  compat: listOf(oneOf(...COMPATS)),
  limits: exactly({
    cpuCores: number(0, 65_536),
    memoryBytes: integer(2 ** 20, 2 ** 50),
    diskBytes: bytes,
    diskInodes: inodes,
    pids: integer(1, 4_194_304),
    openFiles: integer(1, 2 ** 30),
    logBytes: count,
    wallTimeMs: duration,
    queueTimeMs: duration,
  }),
});

const wanted = exactly(
  { kind: oneOf('file', 'directory', 'any', 'glob'), path: insidePath },
  { prefix: text(PATH_LENGTH, /^[^\0]*$/) },
);

const executor = exactly({
  imageDigest: digest,
  /** These become options of a mount. */
  merged: listOf(text(PATH_LENGTH, ABSOLUTE, /^[\w./+@%=-]+$/)),
  spec: exactly({
    sandbox,
    user: exactly({ uid: insideId, gid: insideId, additionalGids: listOf(insideId) }),
    command: listOf(words, { from: 1 }),
    env: listOf(text(ANY_LENGTH, /^[^=\0]+=[^\0]*$/)),
    cwd: insidePath,
    hostname: text(64, /^[a-z0-9][a-z0-9-]{0,63}$/),
  }),
  files: listOf(
    exactly(
      {
        path: oneOf('/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/passwd'),
        content: text(65_536),
      },
      { append: flag },
    ),
  ),
  folders: listOf(exactly({ path: insidePath, mode })),
  logBytes: count,
  stdin: streamPath,
  stdout: streamPath,
  stderr: streamPath,
});

const treeUser = either(exactly({ uid: hostId, gid: hostId }), exactly({ name: words }));

/** Of a run of a confined tree: its own connection, whose first message this is. */
export const treeRequest = exactly(
  {
    mode: oneOf('read', 'write', 'copy'),
    wanted: listOf(wanted, MANY),
    places: listOf(insidePath, MANY),
  },
  {
    from: exactly(
      { root: path, as: either(treeUser, oneOf('target')), withContents: flag },
      {
        readsAll: flag,
        limits: exactly({}, { entries: count, bytes: count, depth: count }),
        shown: words,
      },
    ),
    to: exactly(
      {
        root: path,
        as: either(treeUser, oneOf('parent')),
        bits: oneOf('keep', 'open'),
        isDurable: flag,
        links: oneOf('any', 'owner'),
      },
      { writesAll: flag, shown: words },
    ),
  },
);

const ofAttempt = exactly({ attempt });
const ofExecutor = exactly({ attempt, index });
const attempts = listOf(attempt);

/** By name, every request there is; each takes one object. */
export const requests = {
  openAttempt: exactly(
    {
      attempt,
      slot,
      bytes,
      inodes,
      trees: listOf(path, { to: 10_000 }),
      executors: listOf(executor, { from: 1, to: 10_000 }),
      outputs: listOf(wanted, MANY),
    },
    { rootFiles: listOf(text(PATH_LENGTH, /^\/[^/\0]+$/, ABSOLUTE), { to: 10_000 }) },
  ),
  makeWorkspace: exactly({
    attempt,
    links: listOf(
      exactly({ root: path, relative: relativePath, path, mode, sizeBytes: count, modifiedAt: count }),
      MANY,
    ),
    linkedFolders: listOf(exactly({ path, mode }), MANY),
  }),
  hasDisk: ofAttempt,
  syncDisk: ofAttempt,
  create: ofExecutor,
  start: ofExecutor,
  awaitsStart: ofExecutor,
  counters: ofExecutor,
  remove: ofExecutor,
  watchers: ofExecutor,
  kill: ofAttempt,
  closeAttempt: ofAttempt,
  forgetAttempts: exactly({ attempts }),
  sweep: exactly({ attempts }),
  trim: exactly({}),
  survey: exactly({}),
  unpackImage: exactly({
    digest,
    layout: relativePath,
    manifest: digest,
  }),
  removeImage: exactly({ digest }),
  listImages: exactly({}),
  imageUser: exactly({ digest, user: text(1024) }),
  imageFolders: exactly({ digest, paths: listOf(text(PATH_LENGTH, /^\//)) }),
  treeEnd: exactly({ tree: count }),
  treeStop: exactly({ tree: count }),
} satisfies Record<string, Shape>;

export type RequestName = keyof typeof requests;

/** The first message of the connection on which all other requests are made. */
export const callsRequest = exactly({ calls: oneOf(true) });

type Message =
  | { readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly abort: number };

/** Whatever else it is, its parameters are held to the shape of the request. */
const anything: Shape = () => undefined;
const message = either(exactly({ id: count, method: text(64), params: anything }), exactly({ abort: count }));

export function isMessage(value: unknown): value is Message {
  return message(value, '') === undefined;
}
