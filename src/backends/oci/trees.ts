import { posix } from 'node:path';
import { BulkheadError } from '../../errors.ts';
import type { TesTaskDocument } from '../../tes/task.ts';

/**
 * The folders of a task that all its executors share, each writable as a folder: the parents of inputs, outputs and
 * redirected streams (a file that is bound alone can't be renamed), volumes, and what `extra` names. Nested ones are
 * part of the outermost. `['/']` where a file stands in the root itself: then the whole root file system is shared.
 * Throws `invalid` for a place below /proc, /sys or /dev.
 */
export function workspaceTrees(document: TesTaskDocument, extra: readonly string[]): string[] {
  const wanted = new Set(
    [
      ...(document.inputs ?? []).map(({ path, type }) => (type === 'DIRECTORY' ? path : posix.dirname(path))),
      ...outputFolders(document),
      ...document.executors.flatMap(({ stdin, stdout, stderr }) =>
        [stdin, stdout, stderr].filter((path) => path !== undefined).map((path) => posix.dirname(path)),
      ),
      ...(document.volumes ?? []),
      ...extra,
    ].map(normalised),
  );
  for (const path of wanted) {
    const reserved = RESERVED.find((folder) => path === folder || path.startsWith(`${folder}/`));
    if (reserved !== undefined) {
      throw new BulkheadError(
        'invalid',
        `${path}: ${reserved} belongs to the sandbox; choose another folder for inputs, outputs, volumes and streams`,
      );
    }
  }
  const outermost: string[] = [];
  for (const path of [...wanted].sort()) {
    if (!outermost.some((tree) => contains(tree, path))) outermost.push(path);
  }
  return outermost;
}

/**
 * Folders within the shared ones that a task finds there, though nothing else makes them: volumes, working directories,
 * and those that outputs are wanted in.
 */
export function nestedFolders(document: TesTaskDocument, trees: readonly string[]): string[] {
  const workdirs = document.executors.flatMap(({ workdir }) => workdir ?? []);
  const wanted = [...outputFolders(document), ...(document.volumes ?? []), ...workdirs].map(normalised);
  return [...new Set(wanted)].filter(
    (path) => !trees.includes(path) && trees.some((tree) => contains(tree, path)),
  );
}

/** The path is the tree or below it. */
export function contains(tree: string, path: string): boolean {
  return tree === '/' || path === tree || path.startsWith(`${tree}/`);
}

const RESERVED = ['/proc', '/sys', '/dev'];

function outputFolders({ outputs = [] }: TesTaskDocument): string[] {
  return outputs.map(({ path, type }) =>
    type === 'DIRECTORY' && !hasWildcard(path) ? path : outputFolder(path),
  );
}

function outputFolder(path: string): string {
  const parts = path.split('/');
  const wild = parts.findIndex(hasWildcard);
  return wild < 0 ? posix.dirname(path) : parts.slice(0, wild).join('/') || '/';
}

function hasWildcard(part: string): boolean {
  return /[*?[{]/.test(part);
}

function normalised(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}
