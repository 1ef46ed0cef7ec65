import type { Storages } from '../../storage/storage.ts';
import type { ConfinedTrees } from '../../warden/confined-tree.ts';
import type { LinkedInput } from '../../warden/warden.ts';
import type { Attempt } from '../backend.ts';
import { byNesting, isContent, localInput } from './stage-in.ts';

/** Smaller files are copied: a copy costs less than a layer of their own. */
const LINK_BYTES = 2 ** 20;

/** Large files of this host, which can appear in the task without a copy; what can't be looked at is left to `stageIn`. */
export async function linkableInputs(request: {
  readonly attempt: Pick<Attempt, 'document' | 'owner'>;
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  readonly signal: AbortSignal;
}): Promise<LinkedInput[]> {
  const { attempt, storages, trees, signal } = request;
  // What is within another input is put there after it.
  const [outermost = []] = byNesting(attempt.document.inputs ?? []);
  const candidates = outermost
    .filter((input) => !isContent(input) && input.type !== 'DIRECTORY')
    .flatMap((input) => localInput(input, storages) ?? []);
  const links: LinkedInput[] = [];
  for (const [first, ...others] of Map.groupBy(candidates, ({ source }) => source.root).values()) {
    if (first === undefined) continue;
    const together = [first, ...others];
    const wanted = together.map(({ from }) => ({ ...from, kind: 'file' as const }));
    const listings = await trees.list(first.source, wanted, signal);
    for (const [at, { input, source }] of together.entries()) {
      const [found] = listings[at]?.entries ?? [];
      if (found === undefined || found.sizeBytes < LINK_BYTES) continue;
      links.push({
        root: source.root,
        relative: found.realPath.replace(/^\//, ''),
        path: input.path,
        mode: (found.mode & 0o777) | 0o600,
        sizeBytes: found.sizeBytes,
      });
    }
  }
  return links;
}
