import { normalPath } from './path.ts';
import type { TesTaskDocument } from './task.ts';

/** Something that a document names, and the folder that all its executors must share for it. */
export interface Place {
  /** A JSON pointer. */
  readonly field: string;
  readonly folder: string;
  /** In that folder, where it is a file that is named. */
  readonly file?: string;
}

const STREAMS = ['stdin', 'stdout', 'stderr'] as const;

/** Inputs, outputs, streams and volumes: a directory is its own folder, and of a pattern the part before its first wildcard. */
export function placesOf({ inputs = [], outputs = [], volumes = [], executors }: TesTaskDocument): Place[] {
  return [
    ...inputs.map(({ path, type }, at): Place => {
      const field = `/inputs/${at}/path`;
      return type === 'DIRECTORY' ? { field, folder: normalPath(path) } : fileAt(field, path);
    }),
    ...outputs.map(({ path, type }, at): Place => {
      const field = `/outputs/${at}/path`;
      if (type !== 'DIRECTORY' && !mayBePattern(path)) return fileAt(field, path);
      return { field, folder: outputFolder(path, type) };
    }),
    ...executors.flatMap((executor, at) =>
      STREAMS.flatMap((stream) => {
        const path = executor[stream];
        return path === undefined ? [] : [fileAt(`/executors/${at}/${stream}`, path)];
      }),
    ),
    ...volumes.map((path, at): Place => ({ field: `/volumes/${at}`, folder: normalPath(path) })),
  ];
}

/** The folder that must be there for an output to be made. */
export function outputFolder(path: string, type: string | undefined): string {
  const parts = path.split('/');
  const wild = parts.findIndex(mayBePattern);
  if (wild >= 0) return normalPath(parts.slice(0, wild).join('/'));
  return type === 'DIRECTORY' ? normalPath(path) : parentOf(normalPath(path));
}

/** Files in the root itself that are put there by others than the commands: inputs, and what executors write to their streams. */
export function filesInRoot(document: TesTaskDocument): string[] {
  const files = placesOf(document).flatMap(({ file, folder, field }) =>
    file !== undefined && folder === '/' && /^\/inputs\/|(stdout|stderr)$/.test(field) ? [file] : [],
  );
  return [...new Set(files)];
}

/** What needs more of the root than those files, by field. */
export function madeInRoot(document: TesTaskDocument): string[] {
  const files = filesInRoot(document);
  return placesOf(document).flatMap(({ folder, file, field }) =>
    folder === '/' && (file === undefined || !files.includes(file)) ? [field] : [],
  );
}

function fileAt(field: string, path: string): Place {
  const file = normalPath(path);
  return { field, folder: parentOf(file), file };
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function mayBePattern(part: string): boolean {
  return /[*?[{]/.test(part);
}
