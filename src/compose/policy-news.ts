import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ConfigOrigins } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { SitePolicy } from '../policy/site.ts';

/** Where a server's configuration came from, apart from its environment and working directory, which it keeps. */
export type ServeOrigins = Pick<ConfigOrigins, 'file' | 'flags'>;

/** What a new look at the configuration brought: a policy, with all else that it says, or why it can't be used. */
export type PolicyNews =
  | { readonly policy: SitePolicy; readonly rest: Omit<Config, 'policy'> }
  | { readonly problem: string };

/** What the server is told, a line of JSON each. */
export type PolicyMessage =
  | {
      readonly policy: SitePolicy;
      /** Sections that have changed too, and count from the next start only. */ readonly later: readonly string[];
    }
  | { readonly problem: string };

const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './config-process.ts' : './config-process.js', import.meta.url),
);
const TIMEOUT_MS = 60_000;

/** Looks at the configuration of a server that runs. Never throws: what goes wrong is the message. */
export async function readPolicyNews(origins: ServeOrigins, running: Config): Promise<PolicyMessage> {
  try {
    const news = await read(origins);
    if ('problem' in news) return news;
    const { policy, rest } = news;
    const before = new Map(Object.entries(running).map(([name, section]) => [name, JSON.stringify(section)]));
    const later = Object.entries(rest)
      .filter(([name, section]) => before.get(name) !== JSON.stringify(section))
      .map(([name]) => name);
    return { policy, later };
  } catch (error) {
    return { problem: `it could not be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/**
 * What to call when the configuration is to be looked at: its policy goes to the server. One look at a time, and one more
 * for what is asked for meanwhile.
 */
export function policyTeller(server: Writable | null, look: () => Promise<PolicyMessage>): () => void {
  let isLooking = false;
  let isAskedAgain = false;
  // A server that ends reads nothing more.
  server?.on('error', () => {});
  return () => {
    isAskedAgain = true;
    if (!isLooking) void tell();
  };

  async function tell(): Promise<void> {
    isLooking = true;
    while (isAskedAgain) {
      isAskedAgain = false;
      server?.write(`${JSON.stringify(await look())}\n`);
    }
    isLooking = false;
  }
}

async function read(origins: ServeOrigins): Promise<PolicyNews> {
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, JSON.stringify(origins)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(said.trim() || `its reader was ended by ${child.signalCode}`);
  // Written by our own program.
  const news: PolicyNews = JSON.parse(out);
  return news;
}
