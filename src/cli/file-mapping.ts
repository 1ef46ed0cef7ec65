import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BulkheadError } from '../errors.ts';
import type { TesInput, TesOutput } from '../tes/task.ts';

export type IsDirectory = (path: string) => boolean;

/**
 * `SOURCE:PATH` of `--input`: a path on the server's host or a URL, and where the task finds it. A folder, or a
 * source with a slash at its end, is a directory. Throws `invalid`.
 */
export function parseInput(written: string, cwd: string, isDirectory: IsDirectory): TesInput {
  const colon = written.lastIndexOf(':/');
  const [source, path] = [written.slice(0, colon), written.slice(colon + 1)];
  if (colon < 1 || path.startsWith('//'))
    throw wrong('--input', written, 'SOURCE:PATH', './reads.fq:/data/reads.fq');
  return { url: urlOf(source, cwd), path, type: typeOf(source, cwd, isDirectory) };
}

/**
 * `PATH:DESTINATION` of `--output`: a path in the task, and where it goes: a path on the server's host or a URL. A
 * destination with a slash at its end takes a directory, or all that a wildcard in PATH matches. Throws `invalid`.
 */
export function parseOutput(written: string, cwd: string, isDirectory: IsDirectory): TesOutput {
  const colon = written.indexOf(':');
  const [path, destination] = [written.slice(0, colon), written.slice(colon + 1)];
  if (colon < 1 || !path.startsWith('/') || destination === '') {
    throw wrong('--output', written, 'PATH:DESTINATION', '/data/out.bam:./out.bam');
  }
  const url = urlOf(destination, cwd);
  if (/[*?[]/.test(path))
    return { url, path, path_prefix: path.slice(0, path.search(/[^/]*[*?[]/)), type: 'FILE' };
  return { url, path, type: typeOf(destination, cwd, isDirectory) };
}

function urlOf(location: string, cwd: string): string {
  if (isUrl(location)) return location;
  const path = resolve(cwd, location);
  // A slash at the end says that a folder is meant.
  return pathToFileURL(location.endsWith('/') && path !== '/' ? `${path}/` : path).href;
}

function typeOf(location: string, cwd: string, isDirectory: IsDirectory): 'FILE' | 'DIRECTORY' {
  return location.endsWith('/') || (!isUrl(location) && isDirectory(resolve(cwd, location)))
    ? 'DIRECTORY'
    : 'FILE';
}

function isUrl(location: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(location);
}

function wrong(option: string, written: string, form: string, example: string): BulkheadError {
  return new BulkheadError(
    'invalid',
    `${option} ${JSON.stringify(written)} is not of the form ${form}, such as ${example}`,
  );
}
