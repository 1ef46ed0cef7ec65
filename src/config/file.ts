import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, isNode, parseDocument } from 'yaml';
import { BulkheadError } from '../errors.ts';
import type { KeyPath } from './key-path.ts';
import type { Source } from './reading.ts';

export interface ConfigFile extends Source {
  readonly value: unknown;
}

/** Reads a YAML (or JSON) file. Throws `config`, with every line that isn't YAML, duplicate keys among them. */
export function readConfigFile(file: string, cwd: string): ConfigFile {
  const absolute = resolve(cwd, file);
  const lines = new LineCounter();
  const document = parseDocument(readText(absolute), {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  });
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return `  ${absolute}:${line}:${col}: ${error.message}`;
    });
    throw new BulkheadError('config', `The configuration file is not valid YAML:\n${faults.join('\n')}`);
  }
  return {
    value: document.toJS(),
    base: dirname(absolute),
    originOf: (path) => `${absolute}${lineOf(path)}`,
  };

  function lineOf(path: KeyPath): string {
    // A key that was left out has no line: the nearest group above it has.
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return `:${lines.linePos(node.range[0]).line}`;
    }
    return '';
  }
}

function readText(absolute: string): string {
  try {
    return readFileSync(absolute, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BulkheadError('config', `The configuration file ${absolute} can't be read: ${reason}`, {
      cause,
    });
  }
}
