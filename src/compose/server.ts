import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import packageFile from '../../package.json' with { type: 'json' };
import type { Authenticator } from '../auth/authenticator.ts';
import { createBasicAuthenticator } from '../auth/basic.ts';
import { createBearerAuthenticator } from '../auth/bearer.ts';
import { createCompositeAuthenticator } from '../auth/composite.ts';
import { createNoneAuthenticator } from '../auth/none.ts';
import type { Backend } from '../backends/backend.ts';
import { createOciBackend } from '../backends/oci/backend.ts';
import { createStaging } from '../backends/oci/staging.ts';
import type { Config } from '../config/schema.ts';
import { sitePolicy } from '../config/site-policy.ts';
import { BulkheadError } from '../errors.ts';
import { tellFailure } from '../failure.ts';
import { createEngine } from '../engine/service.ts';
import { bodyRoomBytes } from '../http/body-room.ts';
import { createHttpServer } from '../http/server.ts';
import type { ImageProvider, ImageUsage } from '../images/images.ts';
import { createImageProvider } from '../images/provider.ts';
import { openOperations } from './operations.ts';
import { SUPPORTED_PARAMETERS } from '../policy/parameter-key.ts';
import { followPolicy } from './policy-source.ts';
import type { PolicySource } from './policy-source.ts';
import { createFileStorage } from '../storage/file.ts';
import type { ServerStart } from './server-start.ts';
import { serviceDescription } from './service-description.ts';
import { createSiteAdmission } from './site-admission.ts';
import { siteRoots } from './site-roots.ts';
import { releaseStartMemory } from '../start-memory.ts';
import { deferredStorage } from '../storage/deferred.ts';
import { createStorages } from '../storage/registry.ts';
import { DATABASE_NAME } from '../store/sqlite/name.ts';
import { openSqliteStore } from '../store/sqlite/sqlite.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { observedBackend } from '../telemetry/observed-backend.ts';
import { observedStore } from '../telemetry/observed-store.ts';
import { Recorder } from '../telemetry/recorder.ts';
import { createConfinedTrees } from '../warden/tree.ts';
import type { Warden } from '../warden/warden.ts';
import { connectWarden, type RemoteWarden } from '../warden/wire/remote.ts';

/** Exit code where the warden ended first. */
const WARDEN_LOST = 70;
const COLLECT_IMAGES_EVERY_MS = 10 * 60_000;
const ID_CHARACTERS = 24;
/** The threads of the store hold little; what they take counts in the memory of an idle server. */
const STORE_HEAP_MEGABYTES = 256;

// It does nothing here, and by default it would end this process.
process.on('SIGUSR1', () => {});
const [socket] = process.argv.slice(2);
if (socket === undefined)
  throw new Error('bulkhead serve starts this program, with the socket of its warden');
try {
  await serve(socket);
} catch (error) {
  process.exit(tellFailure(error));
}

/** Serves until it is told to stop. Throws `config`, `store…`, `warden`, and what listening throws. */
async function serve(wardenSocket: string): Promise<void> {
  const warden = await connectWarden(wardenSocket, () => process.exit(WARDEN_LOST));
  // Written by the process that started this one.
  const { config, data, instance, isTerminal }: ServerStart = warden.greeting;
  const logger = createLogger({
    level: config.log.level,
    format: config.log.format === 'auto' && isTerminal ? 'pretty' : config.log.format,
  });
  const recorder = new Recorder();
  const database = join(data, DATABASE_NAME);
  const store = observedStore(
    await openSqliteStore({
      path: database,
      // A body is there several times, and those that are answered at once are stored in one commit.
      heapMegabytes: Math.max(STORE_HEAP_MEGABYTES, (8 * bodyRoomBytes(config.server.body_limit)) / 2 ** 20),
      // Tasks go on, and the next server takes them up; this one could do nothing for them, and would try for ever.
      onDeath: (error) => process.exit(tellFailure(error)),
    }),
    recorder,
  );
  const policy = followPolicy(sitePolicy(config), process.stdin, logger);
  const { images, attempts, ...opened } = await openBackend(config, warden, policy);
  const backend = observedBackend(opened.backend, recorder);
  const engine = createEngine({
    store,
    backend,
    now: Date.now,
    logger,
    limits: { retentionMs: config.limits.retention, attempts: config.limits.attempts },
    holder: instance,
    forget: (taskIds) => forgetAttempts(attempts, warden, taskIds),
  });
  const operations = await openOperations({
    config,
    data,
    database,
    store,
    engine,
    backend,
    images,
    attempts,
    recorder,
    logger,
    version: packageFile.version,
    backendAnswers: async () => await warden.hasDisk({ attempt: 'none' }),
    reclaim: async () => {
      await warden.trim();
      await collectImages(images, logger);
    },
    survey: async () => await warden.survey(),
    forget: async (names) => await warden.forgetAttempts({ attempts: names }),
  });
  await engine.start();

  const site = createSiteAdmission({
    policy,
    machine: () => engine.capacity(),
    unenforced: warden.abilities.unenforced,
  });
  const http = createHttpServer({
    store,
    engine,
    authenticator: authenticator(config, logger),
    admit: async (document, principal) => {
      operations.options.operation.assertTakes();
      return site.admit(document, principal);
    },
    policy: { ...site, operators: config.auth.operators },
    operation: operations.options,
    serviceInfo: serviceDescription(config),
    storageLocations: [
      ...config.storage.file.roots.map(({ path }) => `file://${path}`),
      ...config.storage.http.write,
    ],
    parameterKeys: SUPPORTED_PARAMETERS,
    cors: { origins: config.server.cors.origins },
    limits: { bodyBytes: config.server.body_limit, contentBytes: config.limits.content_bytes },
    logger,
    now: Date.now,
    newId: idSource(),
  });
  await http.ready();
  releaseStartMemory();
  const address = await http.listen(config.server).catch((error: unknown) => {
    throw unusableAddress(error, config.server);
  });
  logger.info({ address, data }, `serving TES 1.1 at ${address}/ga4gh/tes/v1`);
  const collecting = setInterval(() => void collectImages(images, logger), COLLECT_IMAGES_EVERY_MS);
  collecting.unref();

  const signal = await stopSignal();
  logger.info({ signal }, 'stopping: nothing new is started, what runs goes on');
  clearInterval(collecting);
  policy.close();
  await operations.stop();
  await http.close();
  await engine.stop({ drain: false });
  await backend.close();
  await warden.close();
  await store.close();
}

async function openBackend(
  config: Config,
  warden: RemoteWarden,
  policy: PolicySource,
): Promise<{ images: ImageProvider & ImageUsage; backend: Backend; attempts: string }> {
  const attempts = join(config.backend.work, 'attempts');
  const images = await createImageProvider({
    folder: config.images.store,
    layouts: config.images.layouts,
    registries: config.images.registries.map(({ prefix, location, mirrors, plain_http, ca_file }) => ({
      prefix,
      ...(location === undefined ? {} : { location }),
      mirrors: mirrors.map((mirror) => ({
        location: mirror.location,
        plainHttp: mirror.plain_http,
        ...(mirror.ca_file === undefined ? {} : { caFile: mirror.ca_file }),
      })),
      plainHttp: plain_http,
      ...(ca_file === undefined ? {} : { caFile: ca_file }),
    })),
    onlyListedRegistries: config.images.only_listed_registries,
    ...(config.images.auth_file === undefined ? {} : { authFile: config.images.auth_file }),
    unpacked: warden,
    limits: {
      imageBytes: config.images.image_bytes,
      imageFiles: config.images.image_files,
      storeBytes: config.images.max_size,
      unusedMs: config.images.max_age,
      requestTimeoutMs: config.images.request_timeout,
      stallTimeoutMs: config.images.stall_timeout,
    },
    environment: process.env,
    now: Date.now,
  });
  const trees = createConfinedTrees(warden.openTree);
  const file = createFileStorage({
    roots: siteRoots(config),
    trees,
  });
  const http = deferredStorage({
    schemes: ['http', 'https'],
    advertised: config.storage.http.write,
    load: async () => {
      const { createHttpStorage } = await import('../storage/http.ts');
      return createHttpStorage({
        allowPrivate: config.storage.http.allow_private,
        maxBytes: config.storage.http.max_bytes,
        idleMs: config.storage.http.timeout,
        writable: config.storage.http.write,
      });
    },
  });
  const backend = await createOciBackend({
    warden,
    images,
    staging: createStaging({
      storages: createStorages([file, http]),
      trees,
      missingOutputs: config.storage.missing_outputs,
      copiesAll: config.storage.file.copy === 'always',
    }),
    unpacked: warden,
    folder: attempts,
    // The disks are the warden's to see; this is on the same file system.
    diskFolder: attempts,
    slots: config.backend.slots,
    reserved: {
      cpuCores: config.limits.reserved.cpu_cores,
      memoryBytes: config.limits.reserved.memory,
      diskBytes: config.limits.reserved.disk,
    },
    textBytes: config.limits.stdio_text,
    enforcement: policy,
    now: Date.now,
  });
  return { images, backend, attempts };
}

function authenticator(config: Config, logger: Logger): Authenticator {
  if (config.auth.mode === 'none') return createNoneAuthenticator();
  const onProblem = (problem: string): void => logger.error(problem);
  return createCompositeAuthenticator({
    basic: createBasicAuthenticator({
      usersFile: config.auth.users_file,
      rememberMs: config.auth.remember,
      onProblem,
    }),
    bearer: createBearerAuthenticator({ tokensFile: config.auth.tokens_file, onProblem }),
  });
}

/**
 * Ids of 120 bits in lower-case base 32: also fit for a container's name and a cgroup's. Random bytes are fetched for
 * many at once, since few cost as much.
 */
function idSource(): () => string {
  let bytes = randomBytes(0);
  return () => {
    if (bytes.length < ID_CHARACTERS) bytes = randomBytes(ID_CHARACTERS * 128);
    const own = bytes.subarray(0, ID_CHARACTERS);
    bytes = bytes.subarray(ID_CHARACTERS);
    return Array.from(own, (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte & 31]).join('');
  };
}

async function forgetAttempts(folder: string, warden: Warden, taskIds: readonly string[]): Promise<void> {
  const gone = new Set(taskIds);
  const attempts = (await readdir(folder)).filter((name) => gone.has(name.replace(/-\d+$/, '')));
  await warden.forgetAttempts({ attempts });
  for (const name of attempts) await rm(join(folder, name), { recursive: true, force: true });
}

async function collectImages(images: ImageProvider, logger: Logger): Promise<void> {
  try {
    const { removed, freedBytes } = await images.collect();
    if (removed.length > 0) logger.info({ removed, freedBytes }, 'removed images that were not used');
  } catch (error) {
    logger.warn({ err: error }, 'unused images could not be removed; it is tried again');
  }
}

/** What the operator can do about an address that can't be had. */
function unusableAddress(error: unknown, { host, port }: Config['server']): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: `another program listens on ${host}:${port}; stop it, or choose another port (server.port, --port)`,
    EACCES: `the server has no privilege to listen on port ${port}; choose one from 1024 on, and put a proxy in front`,
    EADDRNOTAVAIL: `this host has no address ${host}; name one of its own (server.host)`,
  };
  const remedy = typeof code === 'string' ? remedies[code] : undefined;
  return remedy === undefined
    ? error
    : new BulkheadError('config', `server.port: ${remedy}`, { cause: error });
}

async function stopSignal(): Promise<NodeJS.Signals> {
  return await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}
