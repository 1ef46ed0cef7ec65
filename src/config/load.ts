import { BulkheadError } from '../errors.ts';
import { contradictions } from './contradictions.ts';
import { readConfigFile } from './file.ts';
import { dotted, isRecord, nodeAt, pointer, undotted } from './key-path.ts';
import { complete, readValue } from './reading.ts';
import type { Fault, Source } from './reading.ts';
import { configTree } from './schema.ts';
import type { Config } from './schema.ts';
import { environmentSettings, flagSettings, textLayer } from './text-layer.ts';
import type { Environment } from './text-layer.ts';

export interface ConfigOrigins {
  /** The file of `--config`; `BULKHEAD_CONFIG` is taken where it is left out. */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** Values from the command line, by the dotted name of their key. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Where relative paths start that were not written in the file. */
  readonly cwd?: string;
}

/**
 * The configuration: flags over environment over file over defaults, deeply frozen. Throws `config`, naming
 * every key that is unknown, has a wrong value or contradicts another, all at once.
 */
export function loadConfig(origins: ConfigOrigins): Config {
  const root = configTree;
  const cwd = origins.cwd ?? process.cwd();
  const faults: Fault[] = [];
  const file = origins.file ?? (origins.env['BULKHEAD_CONFIG'] || undefined);
  const document = file === undefined ? undefined : readConfigFile(file, cwd);
  const base = document?.base ?? cwd;

  const layers: (Source & { value: unknown })[] = [
    ...(document === undefined ? [] : [document]),
    textLayer(root, environmentSettings(root, origins.env, faults), cwd, faults),
    textLayer(root, flagSettings(root, origins.flags ?? {}, faults), cwd, faults),
  ];
  const given = layers.map((layer) => readValue(root, layer.value, [], layer, faults)).reduce(merged, {});
  const set = isRecord(given) ? given : {};
  // Some defaults lie below the data folder, so that it must be known first.
  const data = complete(nodeAt(root, ['data']) ?? {}, set['data'], base, base);
  const config = complete(root, set, base, String(data));
  if (!isComplete(config))
    throw new BulkheadError('internal', 'The configuration has a key without a default.');

  const faulty = new Set(faults.map((fault) => dotted(fault.path)));
  for (const { paths, problem } of contradictions(config, (path) => valueAt(set, path) !== undefined)) {
    if (paths.some((path) => faulty.has(path))) continue;
    faults.push({ path: undotted(paths[0] ?? ''), problem });
  }
  if (faults.length > 0) throw refusal(faults);
  return deepFrozen(config);
}

/** Each key was read by its schema or has its schema's default, so that only left out ones could be missing. */
function isComplete(config: unknown): config is Config {
  return isRecord(config) && (configTree.required ?? []).every((name) => config[name] !== undefined);
}

/** Groups are merged key by key; everything else, lists too, is replaced. */
function merged(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (!isRecord(below) || !isRecord(above)) return above;
  const result: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) result[name] = merged(below[name], value);
  return result;
}

function valueAt(tree: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((group, part) => (isRecord(group) ? group[part] : undefined), tree);
}

function refusal(faults: readonly Fault[]): BulkheadError {
  const lines = faults.map((fault) => {
    const origin = fault.origin === undefined || fault.origin === '' ? '' : ` (${fault.origin})`;
    return `  ${dotted(fault.path) || 'the whole file'}${origin}: ${fault.problem}`;
  });
  return new BulkheadError('config', `The configuration can't be used:\n${lines.join('\n')}`, {
    fields: faults.map((fault) => ({ field: pointer(fault.path), problem: fault.problem })),
  });
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFrozen(part);
  }
  return value;
}
