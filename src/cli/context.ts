import type { Command } from 'commander';
import type { ConfigOrigins } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { BulkheadError } from '../errors.ts';
import type { Explanation } from '../policy/explanation.ts';
import type { Principal } from '../policy/resolution.ts';
import type { SitePolicy } from '../policy/site.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import type { Accounts } from './accounts.ts';
import { createClient } from './client.ts';
import type { Client } from './client.ts';
import type { DoctorReport } from './doctor-report.ts';
import { note } from './output.ts';
import { serverOf } from './server-address.ts';
import type { Session } from './session.ts';

/** What the composition root gives to the command line: what is more than a thin client of the HTTP API. */
export interface Capabilities {
  /** Runs the server until it is told to stop; its exit code. The origins are for reading the configuration again. */
  readonly serve: (config: Config, origins: Pick<ConfigOrigins, 'file' | 'flags'>) => Promise<number>;
  /** Finds out what this host can enforce. */
  readonly doctor: () => Promise<DoctorReport>;
  /** The users and tokens that the configuration names. */
  readonly accounts: (config: Config) => Promise<Accounts>;
  /** Makes a backup the database of the configured data folder, whose server must not run. */
  readonly restore: (config: Config, request: RestoreRequest) => Promise<RestoreReport>;
  /** Why a task would get what it would get, by a configuration rather than by a server. */
  readonly explain: (site: SitePolicy, document: TesTaskDocument, caller: Principal) => Promise<Explanation>;
  /** What a stopped server left on this host that none of its open attempts has. */
  readonly stoppedLeftovers: (
    config: Config,
    choices: { readonly remove: boolean },
  ) => Promise<readonly Leftover[]>;
  readonly version: string;
}

/** Something that no task owns. */
export interface Leftover {
  readonly kind: string;
  readonly name: string;
  readonly reason: string;
  readonly bytes?: number;
  /** Why it could not be removed. */
  readonly failure?: string;
}

export interface RestoreRequest {
  /** An absolute path. */
  readonly from: string;
  readonly force: boolean;
}

export interface RestoreReport {
  readonly database: string;
  readonly tasks: number;
  readonly schemaVersion: number;
  readonly keptAside?: string;
}

/** What every command works with. */
export interface Context extends Capabilities {
  readonly session: Session;
  /** How the process ends where nothing is thrown. */
  endWith(exitCode: number): void;
}

export interface ServerOptions {
  readonly server?: string;
  readonly json?: boolean;
}

/** For commands that talk to a server. */
export function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'the server (BULKHEAD_SERVER_URL, else http://127.0.0.1:8710)')
    .option('--json', 'answer for programs, as JSON on standard output');
}

export async function clientOf({ session }: Context, options: ServerOptions): Promise<Client> {
  const server = serverOf(options.server, session.env);
  if (server.isExposed)
    await note(session, `warning: credentials go to ${server.base} without encryption: use https`);
  return createClient(server);
}

export interface ConfigOptions {
  readonly config?: string;
  readonly set: readonly string[];
  readonly json?: boolean;
}

/** For commands that read the configuration themselves. */
export function withConfig(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (BULKHEAD_CONFIG)')
    .option('--set <key=value>', 'set one key, such as server.port=8711; may be repeated', collect, []);
}

/** Loaded only here: clients need no schema. */
export async function configOf(
  { session }: Context,
  options: ConfigOptions,
  flags: Readonly<Record<string, string>> = {},
): Promise<Config> {
  const { loadConfig } = await import('../config/load.ts');
  return loadConfig({ ...originsOf(options, flags), env: session.env, cwd: session.cwd });
}

/** Where the configuration comes from, besides the environment. */
export function originsOf(
  options: ConfigOptions,
  flags: Readonly<Record<string, string>> = {},
): { readonly file: string | undefined; readonly flags: Readonly<Record<string, string>> } {
  const set = options.set.map((written): [string, string] => {
    const equals = written.indexOf('=');
    if (equals > 0) return [written.slice(0, equals), written.slice(equals + 1)];
    throw new BulkheadError(
      'config',
      `--set ${JSON.stringify(written)} is not of the form KEY=VALUE, such as server.port=8711`,
    );
  });
  return { file: options.config, flags: { ...Object.fromEntries(set), ...flags } };
}

/** Of an option that may be repeated. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** Shown after a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
