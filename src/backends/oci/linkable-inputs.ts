import type { Storages } from '../../storage/storage.ts';
import { normalPath } from '../../tes/path.ts';
import type { ConfinedTrees, Listed, Listing } from '../../warden/confined-tree.ts';
import type { LinkedInput, LinkedInputs } from '../../warden/warden.ts';
import type { Attempt } from '../backend.ts';
import { leftOut } from './left-out.ts';
import { byNesting, isContent, type LocalInput, localInput } from './stage-in.ts';

/** Inputs of fewer bytes are copied: a copy costs less than a layer of their own. */
const LINK_BYTES = 2 ** 20;

/** Files and folders of one attempt; a folder with more is copied, so that one request to the warden has a bound. */
const MAX_ENTRIES = 20_000;

export interface LinkableInputs extends LinkedInputs {
  /** Of the inputs that are in place by them, as the document has them. */
  readonly paths: ReadonlySet<string>;
  /** For the system logs: what of them is left out. */
  readonly messages: readonly string[];
}

export const NOTHING_LINKED: LinkableInputs = {
  links: [],
  linkedFolders: [],
  paths: new Set(),
  messages: [],
};

/**
 * Large files of this host, and folders that hold as much, which can appear in the task without a copy; what can't be
 * looked at is left to `stageIn`.
 */
export async function linkableInputs(request: {
  readonly attempt: Pick<Attempt, 'document' | 'owner'>;
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  readonly signal: AbortSignal;
}): Promise<LinkableInputs> {
  const { attempt, storages, trees, signal } = request;
  // What is within another input is put there after it.
  const [outermost = []] = byNesting(attempt.document.inputs ?? []);
  const candidates = outermost
    .filter((input) => !isContent(input))
    .flatMap((input) => localInput(input, storages) ?? []);
  const found: Linkable[] = [];
  let left = MAX_ENTRIES;
  for (const [first, ...others] of Map.groupBy(candidates, ({ source }) => source.root).values()) {
    if (first === undefined) continue;
    const together = [first, ...others];
    const source = { ...first.source, limits: { entries: MAX_ENTRIES } };
    const wanted = together.map(({ from }) => from);
    const listings = await trees.list(source, wanted, signal);
    for (const [at, local] of together.entries()) {
      const { entries = [], messages = [], failure } = listings[at] ?? {};
      if (failure !== undefined || entries.length > left || !isWorthIt(entries)) continue;
      found.push({ local, entries, messages });
      left -= entries.length;
    }
  }
  return {
    links: found.flatMap(linksOf),
    linkedFolders: found.flatMap(foldersOf),
    paths: new Set(found.map(({ local }) => local.input.path)),
    messages: found.flatMap(({ local, messages }) => leftOut(`input ${local.input.path}`, messages)),
  };
}

interface Linkable extends Omit<Listing, 'failure'> {
  readonly local: LocalInput;
}

function isWorthIt(entries: readonly Listed[]): boolean {
  // A name that isn't UTF-8 reached this process changed: it would lead to nothing.
  if (entries.some(({ path, realPath }) => `${path}${realPath}`.includes('\uFFFD'))) return false;
  const bytes = entries.reduce((sum, { type, sizeBytes }) => sum + (type === 'file' ? sizeBytes : 0), 0);
  return bytes >= LINK_BYTES;
}

function linksOf({ local, entries }: Linkable): LinkedInput[] {
  return entries
    .filter(({ type }) => type === 'file')
    .map(({ path, realPath, mode, sizeBytes, modifiedAt }) => ({
      root: local.source.root,
      relative: realPath.replace(/^\//, ''),
      path: placeOf(local, path),
      mode: (mode & 0o777) | 0o600,
      sizeBytes,
      modifiedAt: Math.max(0, modifiedAt),
    }));
}

function foldersOf({ local, entries }: Linkable): LinkedInputs['linkedFolders'] {
  return entries
    .filter(({ type, path }) => type === 'directory' && path !== '')
    .map(({ path, mode }) => ({ path: placeOf(local, path), mode: (mode & 0o777) | 0o700 }));
}

function placeOf({ input }: LocalInput, path: string): string {
  const place = normalPath(input.path);
  return path === '' ? place : `${place}/${path}`;
}
