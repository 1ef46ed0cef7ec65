import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BulkheadError } from '../../errors.ts';
import { LEAST_IDS } from '../host-ids.ts';
import { idCount, idMap, subordinateIds } from './subordinate-ids.ts';

export interface Entry {
  /** Of the user alone: there it stands how the namespaces are found again. Undefined: nobody looks for them later. */
  readonly folder: string | undefined;
  /** A folder that is there, below no private one; an empty file system in memory appears on it. */
  readonly run: string;
}

const PROGRAM = fileURLToPath(new URL('./enter.pl', import.meta.url));
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The command that runs another one as root of a user namespace of the caller's, whose ids are the caller's own and its
 * subordinate ones; first `/usr/bin/perl`. Throws `host` for a user without enough of them, naming what to do as root.
 */
export function enteringCommand({ folder, run }: Entry, command: readonly string[]): readonly string[] {
  const { username: name, uid, gid } = userInfo();
  const user = { name, uid };
  const maps = [
    { kind: 'uid', own: uid, ranges: subordinateIds(textOf('/etc/subuid'), user) },
    { kind: 'gid', own: gid, ranges: subordinateIds(textOf('/etc/subgid'), user) },
  ];
  for (const { kind, ranges } of maps) {
    if (idCount(ranges) < LEAST_IDS - 1) {
      throw new BulkheadError(
        'host',
        `user ${name} has ${idCount(ranges)} subordinate ids in /etc/sub${kind}, and tasks without root need ${LEAST_IDS - 1}; as root, with a range that nobody else has: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`,
      );
    }
  }
  for (const program of ['newuidmap', 'newgidmap']) {
    if (!PATH.split(':').some((place) => existsSync(join(place, program)))) {
      throw new BulkheadError(
        'host',
        `${program} is not on this host, and without root nothing else may map ids; on Debian: apt install uidmap`,
      );
    }
  }
  const parts = maps.flatMap(({ kind, own, ranges }) =>
    idMap(own, ranges).flatMap(({ inside, outside, count }) => [kind, inside, outside, count].map(String)),
  );
  return ['/usr/bin/perl', PROGRAM, folder ?? '', run, ...parts, '--', ...command];
}

/** Tries it, for a moment. Throws `host` with what the kernel or newuidmap says. */
export function tryEntering(run: string): void {
  const [program = '', ...args] = enteringCommand({ folder: undefined, run }, ['/bin/true']);
  const { status, stderr } = spawnSync(program, args, { env: enteringEnvironment({}), encoding: 'utf8' });
  if (status !== 0) {
    throw new BulkheadError(
      'host',
      `${stderr.trim()}; user namespaces may be switched off for users without root (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)`,
    );
  }
}

/** Where newuidmap(1) is found. */
export function enteringEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...given, PATH: given['PATH'] === undefined ? PATH : `${given['PATH']}:${PATH}` };
}

/**
 * Where mounts can stand without root: on the configured folder where the host has it, whoever has it outside; else on one
 * that anybody may make, as any that a user has of its own is private, where runtimes don't reach. Throws `host`.
 */
export function rootlessRun(configured: string): string {
  if (existsSync(configured)) return configured;
  const own = `/tmp/bulkhead-${process.getuid?.()}`;
  mkdirSync(own, { recursive: true, mode: 0o711 });
  demandOwn(own);
  return own;
}

/** In the data folder, before anybody else may make it. Throws `host`. */
export function namespaceFolder(data: string): string {
  const folder = join(data, 'namespaces');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  demandOwn(folder);
  return folder;
}

function demandOwn(folder: string): void {
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === process.getuid?.()) return;
  throw new BulkheadError(
    'host',
    `${folder} must be a folder of the user who starts the server, and no link; it belongs to ${found.uid}`,
  );
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
