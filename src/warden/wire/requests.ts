import { Type, type TSchema } from 'typebox';
import { COMPATS, ISOLATIONS, NETWORK_MODES, PRIVILEGES, ROOT_FILE_SYSTEMS } from '../../sandbox/sandbox.ts';

/**
 * What the server may ask of the warden, field by field. A request that isn't exactly of its shape is refused before
 * anything looks at it; what a shape can't say (whose disk, which roots) is `guard.ts`'s to refuse.
 */

/** Task and number of the attempt; also a container's and a folder's name, so of few characters and no dot. */
const attempt = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,79}$' });
const index = Type.Integer({ minimum: 0, maximum: 9999 });
const slot = Type.Integer({ minimum: 0, maximum: 4095 });
const digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
const insideId = Type.Integer({ minimum: 0, maximum: 65_535 });
const hostId = Type.Integer({ minimum: 0, maximum: 4_294_967_294 });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const text = Type.String({ pattern: '^[^\\u0000]*$' });
const mode = Type.Integer({ minimum: 0, maximum: 0o7777 });
/** Absolute, and no part of it is empty, `.` or `..`. */
const path = Type.String({ pattern: '^/$|^(/(?!\\.{1,2}(/|$))[^/\\u0000]+)+$', maxLength: 4096 });
const relativePath = Type.String({
  pattern: '^(?!\\.{1,2}(/|$))[^/\\u0000]+(/(?!\\.{1,2}(/|$))[^/\\u0000]+)*$',
  maxLength: 4096,
});
/** As a task writes it: empty for none. */
const streamPath = Type.String({ pattern: '^$|^/[^\\u0000]*$', maxLength: 4096 });

const oneOf = (values: readonly string[]): TSchema => Type.Enum([...values]);
const exactly = (properties: Record<string, TSchema>): TSchema =>
  Type.Object(properties, { additionalProperties: false });
const duration = Type.Union([count, Type.Null()]);

const sandbox = exactly({
  profile: text,
  isolation: oneOf(ISOLATIONS),
  privilege: oneOf(PRIVILEGES),
  network: oneOf(NETWORK_MODES),
  rootfs: oneOf(ROOT_FILE_SYSTEMS),
  compat: Type.Array(oneOf(COMPATS)),
  limits: exactly({
    cpuCores: Type.Number({ exclusiveMinimum: 0, maximum: 65_536 }),
    memoryBytes: Type.Integer({ minimum: 2 ** 20, maximum: 2 ** 50 }),
    diskBytes: Type.Integer({ minimum: 1, maximum: 2 ** 50 }),
    diskInodes: Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1 }),
    pids: Type.Integer({ minimum: 1, maximum: 4_194_304 }),
    openFiles: Type.Integer({ minimum: 1, maximum: 2 ** 30 }),
    logBytes: count,
    wallTimeMs: duration,
    queueTimeMs: duration,
  }),
});

const wanted = exactly({
  kind: oneOf(['file', 'directory', 'any', 'glob']),
  path: Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 4096 }),
  prefix: Type.Optional(Type.String({ pattern: '^[^\\u0000]*$', maxLength: 4096 })),
});

const executor = exactly({
  imageDigest: digest,
  /** These become options of a mount. */
  merged: Type.Array(Type.Intersect([path, Type.String({ pattern: '^[\\w./+@%=-]+$' })])),
  spec: exactly({
    sandbox,
    user: exactly({ uid: insideId, gid: insideId, additionalGids: Type.Array(insideId) }),
    command: Type.Array(text, { minItems: 1 }),
    env: Type.Array(Type.String({ pattern: '^[^=\\u0000]+=[^\\u0000]*$' })),
    cwd: Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 4096 }),
    hostname: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
  }),
  files: Type.Array(
    exactly({
      path: oneOf(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/passwd']),
      content: Type.String({ maxLength: 65_536 }),
      append: Type.Optional(Type.Boolean()),
    }),
  ),
  folders: Type.Array(exactly({ path: Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 4096 }), mode })),
  logBytes: count,
  stdin: streamPath,
  stdout: streamPath,
  stderr: streamPath,
});

const treeUser = Type.Union([exactly({ uid: hostId, gid: hostId }), exactly({ name: text })]);

/** Of a run of a confined tree: its own connection, whose first message this is. */
export const treeRequest = exactly({
  mode: oneOf(['read', 'write', 'copy']),
  from: Type.Optional(
    exactly({
      root: path,
      as: Type.Union([treeUser, Type.Literal('target')]),
      readsAll: Type.Optional(Type.Boolean()),
      limits: Type.Optional(
        exactly({
          entries: Type.Optional(count),
          bytes: Type.Optional(count),
          depth: Type.Optional(count),
        }),
      ),
      shown: Type.Optional(text),
      withContents: Type.Boolean(),
    }),
  ),
  to: Type.Optional(
    exactly({
      root: path,
      as: Type.Union([treeUser, Type.Literal('parent')]),
      writesAll: Type.Optional(Type.Boolean()),
      bits: oneOf(['keep', 'open']),
      isDurable: Type.Boolean(),
      links: oneOf(['any', 'owner']),
      shown: Type.Optional(text),
    }),
  ),
  wanted: Type.Array(wanted, { maxItems: 100_000 }),
  places: Type.Array(Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 4096 }), { maxItems: 100_000 }),
});

const ofAttempt = exactly({ attempt });
const ofExecutor = exactly({ attempt, index });
const attempts = Type.Array(attempt);

/** By name, every request there is; each takes one object. */
export const requests = {
  openAttempt: exactly({
    attempt,
    slot,
    bytes: Type.Integer({ minimum: 1, maximum: 2 ** 50 }),
    inodes: Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1 }),
    trees: Type.Array(path, { maxItems: 10_000 }),
    executors: Type.Array(executor, { minItems: 1, maxItems: 10_000 }),
    outputs: Type.Array(wanted, { maxItems: 100_000 }),
  }),
  makeWorkspace: exactly({
    attempt,
    links: Type.Array(exactly({ root: path, relative: relativePath, path, mode, sizeBytes: count }), {
      maxItems: 100_000,
    }),
  }),
  hasDisk: ofAttempt,
  syncDisk: ofAttempt,
  create: ofExecutor,
  start: ofExecutor,
  awaitsStart: ofExecutor,
  counters: ofExecutor,
  remove: ofExecutor,
  isWatched: ofExecutor,
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
  imageUser: exactly({ digest, user: Type.String({ maxLength: 1024 }) }),
  imageFolders: exactly({ digest, paths: Type.Array(Type.String({ pattern: '^/', maxLength: 4096 })) }),
  treeEnd: exactly({ tree: count }),
  treeStop: exactly({ tree: count }),
} satisfies Record<string, TSchema>;

export type RequestName = keyof typeof requests;
