import { isDeepStrictEqual } from 'node:util';
import { BulkheadError } from '../errors.ts';
import type { TreeSource, TreeTarget, Wanted } from './confined-tree.ts';
import type { TreeRequest } from './tree/request.ts';
import type { LinkedInput, SealedAttempt } from './warden.ts';

/** A folder of this host below which tasks may read or write, as the operator's configuration has it. */
export interface SiteRoot {
  /** Absolute, without a slash at its end. */
  readonly path: string;
  readonly write?: boolean;
  readonly owner?: string;
}

/** Where an open attempt stands. */
export interface AttemptState {
  readonly sealed: SealedAttempt;
  /** The host folder in which its files stand; undefined until it was made. */
  readonly workspace: string;
  /** First of the host ids that are the task's own. */
  readonly idBase: number;
  readonly idCount: number;
  /** An executor was created. */
  readonly hasBegun: boolean;
  /** A process of it may live. */
  readonly isAlive: boolean;
}

/**
 * What the server may have done with files, whoever speaks for it: read below the site's folders as the owners of what
 * is there, write where the site lets tasks write, fill the workspace of an attempt before it begins, and take what
 * the attempt was sealed to give once all of it is dead. Returns the attempts whose files it touches. Throws `forbidden`.
 */
export function demandTreeRequest(
  request: TreeRequest,
  roots: readonly SiteRoot[],
  attempts: readonly AttemptState[],
): string[] {
  const { mode, from, to, wanted, places } = request;
  const isComplete = (mode === 'write' || from !== undefined) && (mode === 'read' || to !== undefined);
  const isSpare = (mode === 'write' && from !== undefined) || (mode === 'read' && to !== undefined);
  if (!isComplete || isSpare || (mode === 'copy' && wanted.length !== places.length))
    throw refusal(`${mode}: the sides of the request don't fit`);
  const touched = [
    from === undefined ? undefined : demandSource(from, wanted, roots, attempts),
    to === undefined ? undefined : demandTarget(to, roots, attempts),
  ];
  return touched.flatMap((attempt) => attempt?.sealed.attempt ?? []);
}

/** Inputs may be linked from where they could be read. */
export function demandLinks(links: readonly LinkedInput[], roots: readonly SiteRoot[]): void {
  for (const { root } of links) {
    if (!roots.some(({ path }) => path === root)) throw refusal(`${root} is no folder of storage.file.roots`);
  }
}

function demandSource(
  source: TreeSource,
  wanted: readonly Wanted[],
  roots: readonly SiteRoot[],
  attempts: readonly AttemptState[],
): AttemptState | undefined {
  if (roots.some(({ path }) => path === source.root)) {
    // As the owner of each file, with the owner's rights: not as root, and not as another that the request names.
    if (source.as === 'target' && source.readsAll !== true) return undefined;
    throw refusal(`${source.root} is read as the owners of its files only`);
  }
  const attempt = attemptAt(source.root, attempts);
  if (attempt.isAlive) throw refusal(`${name(attempt)} still runs; its files are taken after its end`);
  if (!isOwn(source.as, attempt)) throw refusal(`${name(attempt)} is read as its own user only`);
  const other = wanted.find(
    (one) => !attempt.sealed.outputs.some((output) => isDeepStrictEqual(output, one)),
  );
  if (other !== undefined) throw refusal(`${other.path} is no output of ${name(attempt)}`);
  return attempt;
}

function demandTarget(
  target: TreeTarget,
  roots: readonly SiteRoot[],
  attempts: readonly AttemptState[],
): AttemptState | undefined {
  const root = roots.find(({ path }) => path === target.root);
  if (root !== undefined) {
    if (root.write !== true) throw refusal(`${root.path} is read only for tasks`);
    const as = root.owner === undefined ? 'parent' : { name: root.owner };
    const isAsConfigured =
      isDeepStrictEqual(target.as, as) &&
      (target.writesAll ?? false) === (root.owner !== undefined) &&
      target.links === 'owner';
    if (!isAsConfigured) throw refusal(`${root.path} is written as its configuration says only`);
    return undefined;
  }
  const attempt = attemptAt(target.root, attempts);
  if (attempt.hasBegun) throw refusal(`${name(attempt)} has begun; nothing is put into it any more`);
  if (!isOwn(target.as, attempt)) throw refusal(`${name(attempt)} is written as its own user only`);
  return attempt;
}

function attemptAt(root: string, attempts: readonly AttemptState[]): AttemptState {
  const found = attempts.find(({ workspace }) => workspace === root);
  if (found === undefined)
    throw refusal(`${root} is neither a folder of storage.file.roots nor the workspace of an open attempt`);
  return found;
}

function isOwn(as: TreeSource['as'] | TreeTarget['as'], { idBase, idCount }: AttemptState): boolean {
  if (typeof as === 'string' || !('uid' in as)) return false;
  return [as.uid, as.gid].every((id) => id >= idBase && id < idBase + idCount);
}

function name({ sealed }: AttemptState): string {
  return `attempt ${sealed.attempt}`;
}

function refusal(what: string): BulkheadError {
  return new BulkheadError('forbidden', `the warden refuses: ${what}`);
}
