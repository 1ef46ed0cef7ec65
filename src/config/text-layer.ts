import { parse } from 'yaml';
import { dotted, everyKey, isRecord, nodeAt } from './key-path.ts';
import type { KeyPath, SchemaNode } from './key-path.ts';
import type { Fault, Source } from './reading.ts';
import { nearest } from './suggestion.ts';

/** A value that was written as text, in a variable or an option. */
export interface Setting {
  readonly path: readonly string[];
  readonly text: string;
  /** The name of the variable or option. */
  readonly origin: string;
}

export interface TextLayer extends Source {
  readonly value: Record<string, unknown>;
}

const PREFIX = 'BULKHEAD_';

/** Read by the command line for other ends; none of them is a key. */
const CLIENT_VARIABLES = new Set([
  'BULKHEAD_CONFIG',
  'BULKHEAD_SERVER_URL',
  'BULKHEAD_TOKEN',
  'BULKHEAD_USER',
  'BULKHEAD_PASSWORD',
]);

/**
 * What Kubernetes sets in every pod beside a Service named `bulkhead`, unless `enableServiceLinks` is off.
 * Source: Kubernetes, "Connecting Applications with Services", environment variables.
 */
const SERVICE_LINK =
  /^BULKHEAD_(?:SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** `BULKHEAD_SERVER__PORT` is `server.port`. An empty variable counts as not set. Unknown ones are faults. */
export function environmentSettings(root: SchemaNode, env: Environment, faults: Fault[]): Setting[] {
  const settings: Setting[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || CLIENT_VARIABLES.has(name) || SERVICE_LINK.test(name)) continue;
    if (text === undefined || text === '') continue;
    const path = name.slice(PREFIX.length).toLowerCase().split('__');
    if (name === variableName(path) && nodeAt(root, path) !== undefined)
      settings.push({ path, text, origin: name });
    else
      faults.push({
        path,
        origin: name,
        problem: `the variable ${name} is not a known key${didYouMean(root, name)}`,
      });
  }
  return settings;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Options by the dotted name of their key. */
export function flagSettings(
  root: SchemaNode,
  flags: Readonly<Record<string, string>>,
  faults: Fault[],
): Setting[] {
  const settings: Setting[] = [];
  for (const [name, text] of Object.entries(flags)) {
    const path = name.split('.');
    if (nodeAt(root, path) !== undefined) {
      settings.push({ path, text, origin: 'command line' });
      continue;
    }
    const near = nearest(
      name,
      everyKey(root).map((key) => dotted(key.path)),
    );
    const hint = near === undefined ? '' : `: did you mean ${near}?`;
    faults.push({ path, origin: 'command line', problem: `is not a known key${hint}` });
  }
  return settings;
}

/** One tree of all settings. Of a group and a key inside it, the key stands. */
export function textLayer(
  root: SchemaNode,
  settings: readonly Setting[],
  base: string,
  faults: Fault[],
): TextLayer {
  const value: Record<string, unknown> = {};
  const shortestFirst = settings.toSorted((a, b) => a.path.length - b.path.length);
  for (const setting of shortestFirst) {
    try {
      place(value, setting.path, fromText(nodeAt(root, setting.path), setting.text));
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      faults.push({
        path: setting.path,
        origin: setting.origin,
        problem: `is not valid YAML or JSON: ${reason}`,
      });
    }
  }
  return { value, base, originOf };

  function originOf(path: KeyPath): string {
    const nearestSetting = shortestFirst.findLast(({ path: set }) =>
      set.every((part, at) => path[at] === part),
    );
    return nearestSetting?.origin ?? '';
  }
}

export function variableName(path: readonly string[]): string {
  return PREFIX + path.join('__').toUpperCase();
}

/** A key that holds text takes it as it is, so that a name like `1e3` stays a name. */
function fromText(node: SchemaNode | undefined, text: string): unknown {
  const types = typeof node?.type === 'string' ? [node.type] : (node?.type ?? []);
  return types.includes('string') ? text : (parse(text) as unknown);
}

function place(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let group = tree;
  for (const part of path.slice(0, -1)) {
    const below = group[part];
    const next: Record<string, unknown> = isRecord(below) ? below : {};
    group[part] = next;
    group = next;
  }
  const last = path.at(-1);
  if (last !== undefined) group[last] = value;
}

function didYouMean(root: SchemaNode, name: string): string {
  const near = nearest(
    name,
    everyKey(root).map((key) => variableName(key.path)),
  );
  return near === undefined ? ': `bulkhead config schema` lists the keys' : `: did you mean ${near}?`;
}
