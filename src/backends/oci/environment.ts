import type { TesExecutor } from '../../tes/task.ts';

/** Who an executor runs as, as resolved in its image. */
export interface RunningUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** From the image's passwd; `/` where it has no entry. */
  readonly home: string;
}

/** A writable HOME for a user whose own is not. */
export const SPARE_HOME = '/home/task';

/**
 * The environment of an executor as `NAME=value`: the image's, then the executor's own, which wins; HOME and PATH
 * where neither sets them.
 */
export function environment(imageEnv: readonly string[], executor: TesExecutor, home: string): string[] {
  const merged = new Map<string, string>([
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['HOME', home],
  ]);
  for (const entry of imageEnv) {
    const at = entry.indexOf('=');
    if (at > 0) merged.set(entry.slice(0, at), entry.slice(at + 1));
  }
  for (const [name, value] of Object.entries(executor.env ?? {})) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

export function workdir(executor: TesExecutor, imageWorkdir: string): string {
  const chosen = executor.workdir ?? imageWorkdir;
  return chosen.startsWith('/') ? chosen : '/';
}

/** Of /etc/hosts: without it, `localhost` doesn't resolve. */
export function hostsFile(hostname: string): string {
  return `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t${hostname}\n`;
}
