import { posix } from 'node:path';
import { BulkheadError } from '../../errors.ts';
import { outputFolder, placesOf } from '../../tes/places.ts';
import type { TesTaskDocument } from '../../tes/task.ts';

/**
 * The folders of a task that all its executors share, each writable as a folder: the parents of inputs, outputs and
 * redirected streams (a file that is bound alone can't be renamed), volumes, and what `extra` names. Nested ones are
 * part of the outermost. `['/']` where a file stands in the root itself, and is none of `rootFiles`: then the whole root
 * file system is shared. Throws `invalid` for a place below /proc, /sys or /dev.
 */
export function workspaceTrees(
  document: TesTaskDocument,
  extra: readonly string[],
  rootFiles: readonly string[] = [],
): string[] {
  const places = placesOf(document).filter(({ file }) => file === undefined || !rootFiles.includes(file));
  const wanted = new Set([...places.map(({ folder }) => folder), ...extra].map(normalised));
  for (const path of wanted) {
    const reserved = RESERVED.find((folder) => path === folder || path.startsWith(`${folder}/`));
    if (reserved !== undefined) {
      throw new BulkheadError(
        'invalid',
        `${fieldOfTree(document, path) ?? path}: ${reserved} belongs to the sandbox; choose another folder for inputs, outputs, volumes and streams`,
      );
    }
  }
  const outermost: string[] = [];
  for (const path of [...wanted].sort()) {
    if (!outermost.some((tree) => contains(tree, path))) outermost.push(path);
  }
  return outermost;
}

/** A field of the document that makes a folder a shared one. */
export function fieldOfTree(document: TesTaskDocument, tree: string): string | undefined {
  const { field } = placesOf(document).find(({ folder }) => folder === tree) ?? {};
  if (field !== undefined) return field;
  const index = document.executors.findIndex(({ workdir }) => workdir && normalised(workdir) === tree);
  return index < 0 ? undefined : `/executors/${index}/workdir`;
}

/**
 * Folders within the shared ones that a task finds there, though nothing else makes them: volumes, working directories,
 * and those that outputs are wanted in.
 */
export function nestedFolders(document: TesTaskDocument, trees: readonly string[]): string[] {
  const workdirs = document.executors.flatMap(({ workdir }) => workdir ?? []);
  const outputs = (document.outputs ?? []).map(({ path, type }) => outputFolder(path, type));
  const wanted = [...outputs, ...(document.volumes ?? []), ...workdirs].map(normalised);
  return [...new Set(wanted)].filter(
    (path) => !trees.includes(path) && trees.some((tree) => contains(tree, path)),
  );
}

/** The path is the tree or below it. */
export function contains(tree: string, path: string): boolean {
  return tree === '/' || path === tree || path.startsWith(`${tree}/`);
}

const RESERVED = ['/proc', '/sys', '/dev'];

function normalised(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}
