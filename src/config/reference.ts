import { expectation } from './expectation.ts';
import { dotted, everyKey, namedItem } from './key-path.ts';
import type { SchemaNode } from './key-path.ts';
import { configTree } from './schema.ts';
import { variableName } from './text-layer.ts';

/** The reference page of the configuration, as Markdown: every key, generated from the schema. */
export function configReference(): string {
  const groups = Object.entries(configTree.properties ?? {}).map(([name, node]) => chapter(name, node));
  return `${INTRODUCTION}\n${groups.join('\n')}`;
}

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/ by scripts/config-reference.ts: change the schema, then run the script. -->

One YAML file, named by \`--config FILE\` or \`BULKHEAD_CONFIG\`. Without one, everything has the default that is shown
here, and data is kept below \`./bulkhead-data\`.

- Every key is also an environment variable: \`server.port\` is \`BULKHEAD_SERVER__PORT\`. Lists and groups are written
  in a variable as YAML or JSON. An empty variable counts as not set.
- Options of the command line stand over the environment, the environment over the file, the file over defaults. Groups
  are merged key by key; a list replaces a list.
- Relative paths in the file start at the file's folder, those in variables and options at the working directory.
- Durations have a unit: \`250ms\`, \`30s\`, \`90m\`, \`12h\`, \`30d\`, \`1h30m\`. Sizes are bytes, or have a unit: \`512MB\`
  (powers of 1000), \`10GiB\` (powers of 1024).
- An unknown key, a wrong value or a contradiction is refused at start, each with its path and the line or
  variable where it was written. \`bulkhead config show\` prints what is in effect, \`bulkhead config schema\` the JSON
  Schema.
`;

function chapter(name: string, node: SchemaNode): string {
  const keys = node.properties === undefined ? [{ path: [name], node }] : everyKey(node, [name]);
  const lines = keys.flatMap((key) => entry(key.path, key.node));
  const intro = node.properties === undefined ? [] : [node.description ?? '', ''];
  return [`## ${name}`, '', ...intro, ...lines, ''].join('\n');
}

function entry(path: readonly string[], node: SchemaNode): string[] {
  if (node.properties !== undefined) return [`### \`${dotted(path)}\``, '', node.description ?? '', ''];
  return [
    `### \`${dotted(path)}\``,
    '',
    node.description ?? '',
    '',
    `- Value: ${valueOf(node)}`,
    `- Default: ${defaultOf(node)}`,
    `- Variable: \`${variableName(path)}\``,
    ...itemKeys(node),
    '',
  ];
}

function itemKeys(node: SchemaNode): string[] {
  const item = node.items ?? namedItem(node);
  if (item?.properties === undefined) return [];
  const rows = everyKey(item).map(({ path, node: key }) => {
    const cells = key.properties === undefined ? [valueOf(key), defaultOf(key)].map(cell) : ['', ''];
    return `| \`${dotted(path)}\` | ${[key.description ?? '', ...cells].join(' | ')} |`;
  });
  return ['', '| Key of an item | | Value | Default |', '|---|---|---|---|', ...rows];
}

function valueOf(node: SchemaNode): string {
  const item = node.items ?? namedItem(node);
  if (item?.properties !== undefined) {
    const keys = Object.keys(item.properties).map((name) => `\`${name}\``);
    return `${node.items === undefined ? 'names, under each a group' : 'a list of groups'} of ${keys.join(', ')}`;
  }
  if (node.items !== undefined) return `a list, each item ${valueOf(node.items)}`;
  return node.pattern === undefined ? expectation(node) : `text of the form \`${node.pattern}\``;
}

function defaultOf(node: SchemaNode): string {
  if (node['x-below-data'] !== undefined) return `\`${node['x-below-data']}\` below \`data\``;
  if (node.default === undefined) return 'none';
  return `\`${typeof node.default === 'string' ? node.default : JSON.stringify(node.default)}\``;
}

/** A bar ends a cell of a table, also inside code. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
