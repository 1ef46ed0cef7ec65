import { mkdirSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/schema.ts';
import type { ServeOrigins } from './policy-news.ts';
import {
  enteringCommand,
  enteringEnvironment,
  namespaceFolder,
  rootlessRun,
} from '../warden/rootless/enter.ts';

/** Where the warden works. */
export interface WardenPlace {
  /** Holds the mount points: `backend.run`, or, without root, where they can stand. */
  readonly run: string;
}

/** In its environment, what the warden's program is told: the configuration that was read, and where it came from. */
export const WARDEN_CONFIG = 'BULKHEAD_WARDEN_CONFIG';

/**
 * Of Node, for the warden and for the server: a signal would open its inspector to every user of this host, and with it a way
 * to have any code run. Source: Node's documentation of `--disable-sigusr1`.
 */
export const NODE_ARGUMENTS = ['--disable-sigusr1'];

const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './warden-process.ts' : './warden-process.js', import.meta.url),
);
/** The kernel takes no longer text in an environment: 32 pages. Source: execve(2), MAX_ARG_STRLEN. */
const MAX_TEXT_BYTES = 131_072;

/**
 * This process becomes the program of the warden: what was loaded to understand the command line and the configuration
 * is 20 MiB, which it would keep for as long as it runs. Without root, it is root of a user namespace from there on. Returns
 * only where that can't be done. Throws `host`.
 */
export function becomeWarden(config: Config, origins: ServeOrigins): void {
  const isRoot = process.getuid?.() === 0;
  const { run } = config.backend;
  const place: WardenPlace = isRoot ? { run } : { run: rootlessRun(run) };
  const text = JSON.stringify({ config, origins, place });
  if (Buffer.byteLength(`${WARDEN_CONFIG}=${text}`) >= MAX_TEXT_BYTES) return;
  // As it was called, for whoever lists processes.
  const warden = [
    process.execPath,
    ...process.execArgv,
    ...NODE_ARGUMENTS,
    PROGRAM,
    ...process.argv.slice(2),
  ];
  const command = isRoot ? warden : enteringCommand({ folder: ownFolder(config.data), ...place }, warden);
  const environment = { ...process.env, [WARDEN_CONFIG]: text };
  flushCompileCache();
  process.execve?.(command[0] ?? '', command, isRoot ? environment : enteringEnvironment(environment));
}

function ownFolder(data: string): string {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  return namespaceFolder(data);
}
