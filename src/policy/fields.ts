import type { Endpoint } from '../sandbox/endpoint.ts';
import { COMPATS, ISOLATIONS, NETWORK_MODES, PRIVILEGES, ROOT_FILE_SYSTEMS } from '../sandbox/sandbox.ts';
import type { Compat, Isolation, NetworkMode, Privilege, RootFs } from '../sandbox/sandbox.ts';
import { ALLOW_LIST, amount, DURATION, ladder, subset } from './scale.ts';
import type { Scale } from './scale.ts';

/** What a task may ask for and a site may grant, by the words of the configuration and of the backend parameters. */
export interface Values {
  isolation: Isolation;
  privilege: Privilege;
  network: NetworkMode;
  egress: readonly Endpoint[];
  rootfs: RootFs;
  compat: readonly Compat[];
  pids: number;
  /** Milliseconds of wall time; null: no limit. */
  timeout: number | null;
  cpu_cores: number;
  /** Of 2³⁰ bytes. */
  ram_gb: number;
  /** Of 2³⁰ bytes. */
  disk_gb: number;
}

export type Field = keyof Values;

export const SCALES: { readonly [F in Field]: Scale<Values[F]> } = {
  isolation: ladder(ISOLATIONS),
  privilege: ladder(PRIVILEGES),
  network: ladder(NETWORK_MODES),
  egress: ALLOW_LIST,
  rootfs: ladder(ROOT_FILE_SYSTEMS),
  compat: subset(COMPATS),
  pids: amount('a whole number above 0', (value) => Number.isSafeInteger(value) && value <= 4_194_304),
  timeout: DURATION,
  cpu_cores: amount('a number above 0', Number.isFinite),
  ram_gb: amount('a number above 0', Number.isFinite),
  disk_gb: amount('a number above 0', Number.isFinite),
};

/** Which each executor may have otherwise. */
export const EXECUTOR_FIELDS = [
  'isolation',
  'privilege',
  'network',
  'egress',
  'rootfs',
  'compat',
  'pids',
] as const satisfies readonly Field[];

/** Which hold for all executors together. */
export const TASK_FIELDS = ['timeout', 'cpu_cores', 'ram_gb', 'disk_gb'] as const satisfies readonly Field[];

/** Some of the fields: what somebody asks for, or gets unless it asks, or may have at most. */
export type Grants = { readonly [F in Field]?: Values[F] | undefined };
