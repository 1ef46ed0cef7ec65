import { normalPath, shown } from './path.ts';

/** Wildcards of POSIX (IEEE Std 1003.1-2017, 2.13); `**` is two of them. */
const WILDCARD = /[*?[]/;
/** Alternatives are no wildcard of POSIX: a name may have braces. Nextflow sends them, always with a prefix. */
const ALTERNATIVES = /\{[^{}]*,[^{}]*\}/;

/** Whether an output's path is a pattern, so that its URL is a directory. */
export function hasWildcard(path: string, pathPrefix: string | undefined): boolean {
  return WILDCARD.test(path) || (pathPrefix !== undefined && ALTERNATIVES.test(path));
}

/** Why a prefix doesn't suit its path, or undefined where it does; a prefix without wildcards is ignored. */
export function wildcardProblem(path: string, pathPrefix: string | undefined): string | undefined {
  if (!hasWildcard(path, pathPrefix)) return undefined;
  if (pathPrefix === undefined) return `is required where the path has wildcards: ${shown(path)}`;
  const prefix = normalPath(pathPrefix);
  const literal = literalStart(path);
  if (literal.startsWith(prefix) || (literal !== path && prefix.startsWith(literal))) return undefined;
  return `must be a beginning of the path ${shown(path)}, and is ${shown(pathPrefix)}`;
}

function literalStart(path: string): string {
  const position = path.search(/[*?[{]/);
  return position === -1 ? path : path.slice(0, position);
}
