import { flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Config } from './config/schema.ts';
import type { ServeOrigins } from './policy-news.ts';

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
 * is 20 MiB, which it would keep for as long as it runs. Returns only where that can't be done.
 */
export function becomeWarden(config: Config, origins: ServeOrigins): void {
  const text = JSON.stringify({ config, origins });
  if (Buffer.byteLength(`${WARDEN_CONFIG}=${text}`) >= MAX_TEXT_BYTES) return;
  flushCompileCache();
  process.execve?.(
    process.execPath,
    // As it was called, for whoever lists processes.
    [process.execPath, ...process.execArgv, ...NODE_ARGUMENTS, PROGRAM, ...process.argv.slice(2)],
    { ...process.env, [WARDEN_CONFIG]: text },
  );
}
