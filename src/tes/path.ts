/** What Linux takes as a path, with its terminating NUL; `limits.h`, PATH_MAX. */
const MAX_PATH_BYTES = 4096;
/** The longest name of one file; `limits.h`, NAME_MAX. */
const MAX_NAME_BYTES = 255;

/** File systems of the kernel, which every sandbox has of its own. */
const KERNEL_FOLDERS = ['/proc', '/sys', '/dev'];

/** Why a text can't be a path in a container, or undefined where it can. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'is empty; write an absolute path';
  const text = textProblem(path);
  if (text !== undefined) return text;
  if (!path.startsWith('/')) return `must be an absolute path, not ${shown(path)}`;
  const parts = path.split('/');
  if (parts.includes('..')) return `must not have a ".." part: ${shown(path)}`;
  if (Buffer.byteLength(path) >= MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES - 1} bytes`;
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES))
    return `has a part that is longer than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}

/** Why something can't be placed at, or taken from, a path: as `pathProblem`, and not the root nor the kernel's own. */
export function placeProblem(path: string): string | undefined {
  const problem = pathProblem(path);
  if (problem !== undefined) return problem;
  const place = normalPath(path);
  if (place === '/') return "must not be the container's whole root; name a path below it";
  const kernel = KERNEL_FOLDERS.find((folder) => isBelow(place, folder) || place === folder);
  return kernel === undefined
    ? undefined
    : `must not be below ${kernel}, which belongs to the sandbox: ${shown(path)}`;
}

/** One spelling for each path: no repeated slash, no `.` part, no slash at the end. */
export function normalPath(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`;
}

/** Both normal. A path is not below itself. */
export function isBelow(path: string, folder: string): boolean {
  return path.length > folder.length && path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** Why a text can be no argument, variable or path of a Linux process. */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'must not have a NUL character';
  if (!text.isWellFormed()) return 'is not valid Unicode: it has half of a surrogate pair';
  return undefined;
}

/** A caller's text for a message: quoted, and not longer than a line. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
