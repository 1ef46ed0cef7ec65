import { once } from 'node:events';
import { existsSync, mkdirSync, realpathSync, write as writeTo } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DoctorReport } from '../cli/doctor-report.ts';
import type { Config } from '../config/schema.ts';
import { BulkheadError } from '../errors.ts';
import { tellFailure } from '../failure.ts';
import { sharesProblem } from '../policy/enforcement.ts';
import { policyTeller, readPolicyNews } from './policy-news.ts';
import type { ServeOrigins } from './policy-news.ts';
import { printable } from '../printable.ts';
import type { ServerStart } from './server-start.ts';
import { releaseStartMemory } from '../start-memory.ts';
import { lockDataFolder } from '../store/sqlite/lock.ts';
import { relayLines } from '../telemetry/line-relay.ts';
import { type LogFile, openLogFile } from '../telemetry/log-file.ts';
import { wardenOptions } from './warden-options.ts';
import { NODE_ARGUMENTS, type WardenPlace } from './warden-start.ts';
import { type JailPlace, spawnJailed, SYSTEM_PLACES } from '../warden/jail.ts';
import { openLocalWarden } from '../warden/local-warden.ts';
import { runFolders } from '../warden/run-folders.ts';
import { prepareServerFolders, shownToServer, showToServer } from '../warden/server-folders.ts';
import { findServerUser } from '../warden/server-user.ts';
import { serveWarden } from '../warden/wire/service.ts';

const SERVER = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './server.ts' : './server.js', import.meta.url),
);
const STANDARD_ERROR = 2;
const DOCTOR = { idBase: 1_879_048_192, runtime: 'auto', appArmor: 'auto' };

/** Finds out what this host can enforce, by trying, in folders below one that is there. */
export async function doctor(runFolder: string): Promise<DoctorReport> {
  const { examineHost } = await import('../warden/doctor.ts');
  return { checks: await examineHost({ ...DOCTOR, runFolder }) };
}

/**
 * This process becomes the warden, and starts the server as a child without privilege in a jail; it ends when the server
 * does, with its exit code. Throws `config`, `host`, `store…`.
 */
export async function serve(config: Config, origins: ServeOrigins, place: WardenPlace): Promise<number> {
  if (process.getuid?.() !== 0) {
    throw new BulkheadError(
      'host',
      `bulkhead serve was started as user ${process.getuid?.()}, and a configuration of 128 KiB or more can't be handed into a user namespace of its own: shorten it, or start as root.`,
    );
  }
  const user = await findServerUser(config.server.user, config.backend.id_base);
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const data = realpathSync(config.data);
  const lock = lockDataFolder(data);
  prepareServerFolders(
    {
      open: [config.backend.work],
      shared: [data, config.images.store],
      own: [join(config.backend.work, 'attempts'), join(data, 'compile-cache'), join(data, 'backups')],
      kept: [join(config.images.store, 'roots')],
    },
    user,
  );
  const accounts = [config.auth.users_file, config.auth.tokens_file];
  showToServer(
    accounts.filter((file) => file.startsWith(`${data}/`)),
    user,
  );
  const warden = await openLocalWarden({
    ...wardenOptions(config, { data, run: place.run }, user),
    onLost: endAtOnce,
  });
  const problem = sharesProblem(config.policy, warden.abilities.unenforced);
  if (problem !== undefined) {
    await warden.close();
    throw new BulkheadError('host', problem);
  }
  const run = runFolders(place.run, data);
  const socket = join(run.root, 'warden', 'socket');
  const isTerminal = process.stderr.isTTY;
  const greeting: ServerStart = { config, data, instance: lock.instance, isTerminal };
  const service = await serveWarden({ warden, socket, ...user, greeting });
  const log = config.log.file === undefined ? undefined : openLogFile(config.log.file);
  const server = spawnJailed(
    {
      root: run.jail,
      ...user,
      capabilities: [],
      places: serverPlaces(config, data, dirname(socket), run.exits),
      network: 'host',
      cwd: '/',
    },
    [process.execPath, ...new Set([...process.execArgv, ...NODE_ARGUMENTS]), SERVER, socket],
    {
      env: serverEnvironment(process.env, join(data, 'compile-cache')),
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  const said = [server.stdout, server.stderr].map(async (stream) => {
    if (stream !== null) await relayLines(stream, writerOf(log, isTerminal));
  });
  // Not even ended by it: whoever means to look at a process must not stop what runs.
  process.on('SIGUSR1', () => {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void server.kill(signal));
  const tellPolicy = policyTeller(server.stdin, () => readPolicyNews(origins, config));
  process.on('SIGHUP', () => {
    // As logrotate(8) sends it once the old file was moved away.
    if (log !== undefined) reopen(log);
    tellPolicy();
  });
  // The server has its own start before it, and asks for nothing yet.
  releaseStartMemory();
  const [code, signal]: [number | null, NodeJS.Signals | null] = await exitOf(server);
  await Promise.all(said);
  await service.close();
  await warden.close();
  lock.release();
  if (code === null) throw new BulkheadError('internal', `the server was ended by ${signal}`);
  return code;
}

/** The file that was open is kept where its path can't be opened, as where the folder was moved too. */
function reopen(log: LogFile): void {
  try {
    log.reopen();
  } catch (error) {
    const msg = `the log file could not be opened anew: ${error instanceof Error ? error.message : String(error)}`;
    log.write(`${JSON.stringify({ level: 'error', msg, time: new Date().toISOString() })}\n`);
  }
}

/**
 * Written here: what the server is given it could change, as the log that was said before, or read, as a terminal's input.
 * Nothing waits for whoever reads standard error but the server.
 */
function writerOf(log: LogFile | undefined, isTerminal: boolean): (line: Buffer) => void | Promise<void> {
  if (log !== undefined) return (line) => log.write(line.toString('utf8'));
  return async (line) => {
    const shown = isTerminal ? Buffer.from(`${printable(line.toString('utf8').slice(0, -1))}\n`) : line;
    await writeAll(STANDARD_ERROR, shown);
  };
}

async function writeAll(descriptor: number, bytes: Buffer): Promise<void> {
  const write = promisify(writeTo);
  try {
    for (let at = 0; at < bytes.length;) at += (await write(descriptor, bytes, at)).bytesWritten;
  } catch {
    // Nobody reads it any more, or its disk is full: a server must not end because its log can't be written.
  }
}

async function exitOf(
  server: ReturnType<typeof spawnJailed>,
): Promise<[number | null, NodeJS.Signals | null]> {
  const [code, signal] = await once(server, 'exit');
  return [code, signal];
}

/**
 * As if it had been killed: the kernel ends the server, what runs goes on, and the next start takes up all of it. Were the
 * server told, it would end tasks for a fault that isn't theirs.
 */
function endAtOnce(why: string): never {
  process.exit(tellFailure(new BulkheadError('warden', why)));
}

/** All that the server sees of this host. Whose files these are decides what it may read of them. */
function serverPlaces(config: Config, data: string, socket: string, exits: string): JailPlace[] {
  const { images, auth, backend } = config;
  const own = [data, images.store, join(backend.work, 'attempts')];
  const read = [
    // Names, certificates, time zones.
    '/etc',
    '/run/systemd/resolve',
    '/run/resolvconf',
    '/run/NetworkManager',
    programFolder(),
    dirname(dirname(process.execPath)),
    join(backend.work, 'containers'),
    exits,
    socket,
    ...[auth.users_file, auth.tokens_file].map((file) => dirname(file)),
  ];
  const listed = [images.layouts, images.auth_file ?? [], images.registries.flatMap(certificates)].flat();
  const shown = listed.flatMap(shownToServer);
  const places: JailPlace[] = [
    ...SYSTEM_PLACES,
    { how: 'tmp', path: '/tmp' },
    { how: 'tmp', path: '/var/tmp' },
    { how: 'proc', path: '/proc' },
    ...read.map((path): JailPlace => ({ how: 'ro', path })),
    // What is lent is so also where it is the folder around something else.
    ...shown.filter(({ how }) => how !== 'lent'),
    ...shown.filter(({ how }) => how === 'lent'),
    ...own.map((path): JailPlace => ({ how: 'rw', path })),
  ];
  return [...new Map(places.map((place) => [place.path, place])).values()];
}

function certificates({ ca_file, mirrors }: Config['images']['registries'][number]): string[] {
  return [ca_file ?? [], mirrors.flatMap((mirror) => mirror.ca_file ?? [])].flat();
}

/** The checkout or package, with what it depends on. */
function programFolder(): string {
  let folder = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
  while (!existsSync(join(folder, 'node_modules')) && folder !== '/') folder = dirname(folder);
  return folder;
}

/** The configuration comes another way; what was meant for this process alone stays here. */
function serverEnvironment(given: NodeJS.ProcessEnv, compileCache: string): NodeJS.ProcessEnv {
  const kept = Object.entries(given).filter(([name]) => !name.startsWith('BULKHEAD_'));
  return { ...Object.fromEntries(kept), HOME: '/tmp', NODE_COMPILE_CACHE: compileCache };
}
