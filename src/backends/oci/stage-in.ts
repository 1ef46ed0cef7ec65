import { Readable } from 'node:stream';
import { BulkheadError } from '../../errors.ts';
import type { Storages } from '../../storage/storage.ts';
import { isBelow, normalPath } from '../../tes/path.ts';
import type { TesInput } from '../../tes/task.ts';
import type {
  ConfinedTrees,
  Delivery,
  Outcome,
  TreeSource,
  TreeTarget,
  Wanted,
} from '../../warden/confined-tree.ts';
import type { Attempt } from '../backend.ts';
import { leftOut } from './left-out.ts';
import type { TaskTree } from './task-tree.ts';

export interface StageInRequest {
  readonly attempt: Pick<Attempt, 'document' | 'owner'>;
  readonly tree: TaskTree;
  /** Paths of inputs that are in place already. */
  readonly linked: ReadonlySet<string>;
  /** Made where they aren't there, owned by who runs. */
  readonly folders: readonly string[];
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  readonly signal: AbortSignal;
}

/**
 * Puts every input in its place in the task's tree, owned by who runs. Files of this host go from tree to tree,
 * all of one folder in one go; the rest passes through. Returns lines for the system logs: what was left out of them.
 * Throws what the first input that fails throws, naming it.
 */
export async function stageIn(request: StageInRequest): Promise<string[]> {
  const inputs = (request.attempt.document.inputs ?? []).filter(({ path }) => !request.linked.has(path));
  const messages: string[] = [];
  for (const level of byNesting(inputs)) messages.push(...(await stageLevel(request, level)));
  await makeFolders(request);
  return messages;
}

/** After the inputs, so that an input that is a folder and what is wanted in it are one. */
async function makeFolders({ folders, tree, trees, signal }: StageInRequest): Promise<void> {
  if (folders.length === 0) return;
  const deliveries = folders.map((path) => ({ to: path, entries: folderEntry() }));
  const outcomes = await trees.write(targetOf(tree), deliveries, signal);
  for (const { failure } of outcomes) {
    if (failure === undefined) continue;
    throw new BulkheadError(
      failure.code,
      `a folder that a volume, an output or a working directory of the task names can't be made: ${failure.message}`,
      { cause: failure },
    );
  }
}

/** A folder before what belongs into it: inputs that are below no other one, then those below these, and so on. */
export function byNesting<Place extends { readonly path: string }>(places: readonly Place[]): Place[][] {
  const levels: Place[][] = [];
  const above: string[] = [];
  const sorted = places
    .map((place) => ({ place, path: normalPath(place.path) }))
    .toSorted((a, b) => (a.path.replaceAll('/', '\0') < b.path.replaceAll('/', '\0') ? -1 : 1));
  for (const { place, path } of sorted) {
    while (above.length > 0 && !isBelow(path, above.at(-1) ?? '')) above.pop();
    (levels[above.length] ??= []).push(place);
    above.push(path);
  }
  return levels;
}

export interface LocalInput {
  readonly input: TesInput;
  readonly source: TreeSource;
  readonly from: Wanted;
}

async function stageLevel(request: StageInRequest, inputs: readonly TesInput[]): Promise<string[]> {
  const { attempt, tree, storages, trees, signal } = request;
  const target = targetOf(tree);
  const local: LocalInput[] = [];
  const passing: { readonly input: TesInput; readonly delivery: Delivery }[] = [];
  const messages: string[] = [];
  for (const input of inputs) {
    if (isContent(input)) {
      passing.push({ input, delivery: { to: input.path, entries: contentEntry(input.content ?? '') } });
      continue;
    }
    const found = localInput(input, storages);
    if (found !== undefined) {
      local.push(found);
      continue;
    }
    const url = input.url ?? '';
    const type = input.type === 'DIRECTORY' ? 'DIRECTORY' : 'any';
    const entries = storages.for(url).read({ url, type, owner: attempt.owner, signal });
    passing.push({ input, delivery: { to: input.path, entries } });
  }
  for (const [first, ...others] of Map.groupBy(local, ({ source }) => source.root).values()) {
    if (first === undefined) continue;
    const together = [first, ...others];
    const moves = together.map(({ input, from }) => ({ from, to: input.path }));
    messages.push(...assertAll(together, await trees.copy(first.source, target, moves, signal)));
  }
  const deliveries = passing.map(({ delivery }) => delivery);
  messages.push(...assertAll(passing, await trees.write(target, deliveries, signal)));
  return messages;
}

/** Where an input stands in a folder of this host; undefined where it comes from elsewhere. Errors name the input. */
export function localInput(input: TesInput, storages: Storages): LocalInput | undefined {
  const url = input.url ?? '';
  try {
    const folders = storages.for(url).folders;
    if (folders === undefined) return undefined;
    const { source, path } = folders.source(url);
    return { input, source, from: { kind: input.type === 'DIRECTORY' ? 'directory' : 'any', path } };
  } catch (error) {
    throw error instanceof BulkheadError ? failureNamed(input, error) : error;
  }
}

/** `content` wins over `url` (TES 1.1, tesInput), but an empty one beside a URL is none. */
export function isContent({ content, url }: TesInput): boolean {
  return content !== undefined && (content !== '' || url === undefined);
}

function targetOf({ root, uid, gid }: TaskTree): TreeTarget {
  return {
    root,
    as: { uid, gid },
    // A folder that was staged read-only may get further inputs, and folders of the image are root's.
    writesAll: true,
    bits: 'keep',
    isDurable: false,
    // All that is in the tree is the task's own; links of the image belong to the image's root.
    links: 'any',
  };
}

async function* contentEntry(content: string): Delivery['entries'] {
  const bytes = Buffer.from(content, 'utf8');
  const body = Readable.from([bytes], { objectMode: false });
  yield { path: '', type: 'file', sizeBytes: bytes.length, mode: 0o644, body };
}

async function* folderEntry(): Delivery['entries'] {
  yield { path: '', type: 'directory', sizeBytes: null, mode: 0o755 };
}

/** What was left out of each. */
function assertAll(staged: readonly { readonly input: TesInput }[], outcomes: readonly Outcome[]): string[] {
  return staged.flatMap(({ input }, at) => {
    const { failure, messages = [] } = outcomes[at] ?? {};
    if (failure !== undefined) throw failureNamed(input, failure);
    return leftOut(`input ${input.path}`, messages);
  });
}

function failureNamed(input: TesInput, failure: BulkheadError): BulkheadError {
  const hint = NO_ACCESS.test(failure.message) ? UNREADABLE : '';
  return new BulkheadError(failure.code, `input ${input.path}: ${failure.message}${hint}`, {
    cause: failure,
  });
}

const NO_ACCESS = /: Permission denied$/;

/** Files of this host are read as whoever owns them, so that a site lends no permission that a file doesn't have. */
const UNREADABLE =
  '; hint: a file is read as its owner, whom its mode or that of a folder above keeps out; no sandbox parameter grants it, its owner can';
