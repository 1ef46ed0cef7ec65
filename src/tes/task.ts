/**
 * The documents of TES 1.1.0 as types. Only what the specification names is here, with its spelling.
 * Source: task-execution-schemas 1.1.0, `components.schemas`.
 */
import type { TesState } from './states.ts';

export type TesView = 'MINIMAL' | 'BASIC' | 'FULL';
export type TesFileType = 'FILE' | 'DIRECTORY';

export interface TesInput {
  name?: string;
  description?: string;
  url?: string;
  path: string;
  type?: TesFileType;
  content?: string;
  streamable?: boolean;
}

export interface TesOutput {
  name?: string;
  description?: string;
  url: string;
  path: string;
  path_prefix?: string;
  type?: TesFileType;
}

export interface TesResources {
  /** May be fractional, though the specification says integer: clients send fractions. */
  cpu_cores?: number;
  preemptible?: boolean;
  /** A gigabyte is 2³⁰ bytes. */
  ram_gb?: number;
  disk_gb?: number;
  zones?: string[];
  backend_parameters?: Record<string, string>;
  backend_parameters_strict?: boolean;
}

export interface TesExecutor {
  image: string;
  /** argv; replaces the image's entrypoint and command; no shell. */
  command: string[];
  workdir?: string;
  stdin?: string;
  stdout?: string;
  stderr?: string;
  env?: Record<string, string>;
  ignore_error?: boolean;
}

/** What a client may write. Read-only fields in a POST are dropped before this type is reached. */
export interface TesTaskDocument {
  name?: string;
  description?: string;
  inputs?: TesInput[];
  outputs?: TesOutput[];
  resources?: TesResources;
  executors: TesExecutor[];
  volumes?: string[];
  tags?: Record<string, string>;
}

export interface TesExecutorLog {
  /** RFC 3339. */
  start_time?: string;
  end_time?: string;
  stdout?: string;
  stderr?: string;
  exit_code: number;
}

export interface TesOutputFileLog {
  url: string;
  path: string;
  /** A string: JSON has no 64-bit integers. */
  size_bytes: string;
}

/** One attempt. */
export interface TesTaskLog {
  logs: TesExecutorLog[];
  metadata?: Record<string, string>;
  start_time?: string;
  end_time?: string;
  outputs: TesOutputFileLog[];
  system_logs?: string[];
}

export interface TesTask extends TesTaskDocument {
  id: string;
  state: TesState;
  logs?: TesTaskLog[];
  creation_time?: string;
}
