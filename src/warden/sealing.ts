import { BulkheadError } from '../errors.ts';
import type { SealedAttempt } from './warden.ts';

/** Places that are the sandbox's own. */
const RESERVED = ['/proc', '/sys', '/dev'];
/** Mounts of slots are named so, beside those of containers. */
const SLOT_MOUNTS = /^(slot|ws|data|probe)(-|$)/;

/**
 * What no attempt may be, though it has the shape of one. The warden walks the trees of an attempt as root after its
 * executors could write in them: a tree within another would lead it through a link that a task made. Throws `forbidden`.
 */
export function demandSealable({ attempt, trees, rootFiles = [], executors }: SealedAttempt): void {
  if (SLOT_MOUNTS.test(attempt) || /^\d+$/.test(attempt))
    throw refusal(`${attempt} is named as the mounts of a slot are`);
  for (const tree of trees) {
    if (RESERVED.some((place) => within(place, tree))) throw refusal(`${tree} belongs to the sandbox`);
    const outer = trees.find((other) => other !== tree && within(other, tree));
    if (outer !== undefined) throw refusal(`${tree} is a part of ${outer}`);
  }
  const covered = rootFiles.find(
    (file) => RESERVED.includes(file) || trees.some((tree) => within(tree, file) || within(file, tree)),
  );
  if (covered !== undefined) throw refusal(`${covered} is no file that could be shared for itself`);
  if (new Set(trees).size < trees.length) throw refusal('a tree is named twice');
  const stray = executors.flatMap(({ merged }) => merged).find((place) => !trees.includes(place));
  if (stray !== undefined) throw refusal(`${stray} is no tree of ${attempt}`);
}

function within(tree: string, path: string): boolean {
  return tree === '/' || path === tree || path.startsWith(`${tree}/`);
}

export function refusal(what: string): BulkheadError {
  return new BulkheadError('forbidden', `the warden refuses: ${what}`);
}
