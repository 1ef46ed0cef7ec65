import { parseSize } from '../config/quantity.ts';
import { BulkheadError } from '../errors.ts';
import type { TesInput, TesResources, TesTaskDocument } from '../tes/task.ts';
import { parseInput, parseOutput } from './file-mapping.ts';
import type { IsDirectory } from './file-mapping.ts';

/** The options of `run` that describe the task. */
export interface RunOptions {
  readonly name?: string;
  readonly description?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly volume: readonly string[];
  readonly env: readonly string[];
  readonly tag: readonly string[];
  readonly param: readonly string[];
  readonly workdir?: string;
  readonly cpu?: string;
  readonly ram?: string;
  readonly disk?: string;
}

export interface RunSurroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isDirectory: IsDirectory;
  /** What the task reads on standard input; undefined for nothing. */
  readonly stdin?: string;
}

/** Where the task finds what it reads on standard input. */
const STDIN_PATH = '/bulkhead/stdin';

/** The TES task of a `run`. Throws `invalid`, naming the option. */
export function runDocument(
  image: string,
  command: readonly string[],
  options: RunOptions,
  around: RunSurroundings,
): TesTaskDocument {
  if (command.length === 0) {
    throw new BulkheadError(
      'invalid',
      `No command: TES has no use for the image's own. Write it after the image, as in: bulkhead run ${image} -- ls /`,
    );
  }
  const inputs: TesInput[] = options.input.map((written) =>
    parseInput(written, around.cwd, around.isDirectory),
  );
  if (around.stdin !== undefined) inputs.push({ path: STDIN_PATH, content: around.stdin, type: 'FILE' });
  const outputs = options.output.map((written) => parseOutput(written, around.cwd, around.isDirectory));
  const resources = resourcesOf(options);
  const env = Object.fromEntries(options.env.map((written) => variable(written, around.env)));
  const tags = pairs('--tag', options.tag);
  return {
    name: options.name ?? command.join(' ').slice(0, 80),
    ...(options.description === undefined ? {} : { description: options.description }),
    ...(inputs.length === 0 ? {} : { inputs }),
    ...(outputs.length === 0 ? {} : { outputs }),
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    ...(options.volume.length === 0 ? {} : { volumes: [...options.volume] }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    executors: [
      {
        image,
        command: [...command],
        ...(options.workdir === undefined ? {} : { workdir: options.workdir }),
        ...(around.stdin === undefined ? {} : { stdin: STDIN_PATH }),
        ...(Object.keys(env).length === 0 ? {} : { env }),
      },
    ],
  };
}

/** `KEY=VALUE`, each. Throws `invalid`. */
function pairs(option: string, written: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    written.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1)
        throw new BulkheadError('invalid', `${option} ${JSON.stringify(pair)} is not of the form KEY=VALUE`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** `KEY` alone passes on the variable of this process. */
function variable(written: string, env: RunSurroundings['env']): [string, string] {
  const equals = written.indexOf('=');
  if (equals > 0) return [written.slice(0, equals), written.slice(equals + 1)];
  const value = equals === -1 ? env[written] : undefined;
  if (value !== undefined) return [written, value];
  throw new BulkheadError(
    'invalid',
    `--env ${JSON.stringify(written)} is neither KEY=VALUE nor the name of a variable that is set here`,
  );
}

function resourcesOf(options: RunOptions): TesResources {
  const parameters = pairs('--param', options.param);
  return {
    ...(options.cpu === undefined ? {} : { cpu_cores: cores(options.cpu) }),
    ...(options.ram === undefined ? {} : { ram_gb: gigabytes('--ram', options.ram) }),
    ...(options.disk === undefined ? {} : { disk_gb: gigabytes('--disk', options.disk) }),
    ...(Object.keys(parameters).length === 0
      ? {}
      : { backend_parameters: parameters, backend_parameters_strict: true }),
  };
}

function cores(written: string): number {
  const value = Number(written);
  if (written.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new BulkheadError(
    'invalid',
    `--cpu ${JSON.stringify(written)} is not a number of cores above 0, such as 2 or 0.5`,
  );
}

/** A size with its unit, or a bare number of gigabytes, as TES has them: 2³⁰ bytes. */
function gigabytes(option: string, written: string): number {
  const value = /^[0-9.]+$/.test(written) ? Number(written) : (parseSize(written) ?? Number.NaN) / 2 ** 30;
  if (Number.isFinite(value) && value > 0) return value;
  throw new BulkheadError(
    'invalid',
    `${option} ${JSON.stringify(written)} is not a size above 0, such as 4GiB, 512MB or 4 (GiB)`,
  );
}
