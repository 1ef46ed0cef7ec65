import { Readable } from 'node:stream';
import { BulkheadError } from '../../errors.ts';
import type { Storages } from '../../storage/storage.ts';
import type { TesInput } from '../../tes/task.ts';
import type {
  ConfinedTrees,
  Delivery,
  Move,
  Outcome,
  TreeSource,
  TreeTarget,
} from '../../warden/confined-tree.ts';
import type { LinkedInput } from '../../warden/warden.ts';
import type { Attempt } from '../backend.ts';
import type { TaskTree } from './task-tree.ts';

/** Smaller files are copied: a copy costs less than a layer of their own. */
const LINK_BYTES = 2 ** 20;

/**
 * Puts every input in its place in the task's tree, owned by who runs. Files of this host go from tree to tree,
 * all of one folder in one go; the rest passes through. Throws what the first input that fails throws, naming it.
 */
export async function stageIn(request: {
  readonly attempt: Attempt;
  readonly tree: TaskTree;
  readonly linked: ReadonlySet<string>;
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { attempt, tree, linked, storages, trees, signal } = request;
  const target: TreeTarget = {
    root: tree.root,
    as: { uid: tree.uid, gid: tree.gid },
    // A folder that was staged read-only may get further inputs.
    writesAll: true,
    bits: 'keep',
    isDurable: false,
    links: 'owner',
  };
  const inputs = (attempt.document.inputs ?? [])
    .filter(({ path }) => !linked.has(path))
    // A folder before what belongs into it.
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const local: { input: TesInput; source: TreeSource; move: Move }[] = [];
  const other: { input: TesInput; delivery: Delivery }[] = [];
  for (const input of inputs) {
    if (isContent(input)) {
      other.push({ input, delivery: { to: input.path, entries: contentEntry(input.content ?? '') } });
      continue;
    }
    const url = input.url ?? '';
    const storage = storages.for(url);
    const type = input.type === 'DIRECTORY' ? 'DIRECTORY' : 'any';
    if (storage.folders) {
      const { source, path } = storage.folders.source(url);
      local.push({
        input,
        source,
        move: { from: { kind: type === 'DIRECTORY' ? 'directory' : 'any', path }, to: input.path },
      });
    } else {
      other.push({
        input,
        delivery: { to: input.path, entries: storage.read({ url, type, owner: attempt.owner, signal }) },
      });
    }
  }
  for (const together of Map.groupBy(local, ({ source }) => source.root).values()) {
    const [first] = together;
    if (!first) continue;
    const outcomes = await trees.copy(
      first.source,
      target,
      together.map(({ move }) => move),
      signal,
    );
    assertAll(
      together.map(({ input }) => input),
      outcomes,
    );
  }
  assertAll(
    other.map(({ input }) => input),
    await trees.write(
      target,
      other.map(({ delivery }) => delivery),
      signal,
    ),
  );
}

/** Large files of this host, which can appear in the task without a copy; what can't be looked at is left to `stageIn`. */
export async function linkableInputs(request: {
  readonly attempt: Attempt;
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  readonly signal: AbortSignal;
}): Promise<LinkedInput[]> {
  const { attempt, storages, trees, signal } = request;
  const links: LinkedInput[] = [];
  for (const input of attempt.document.inputs ?? []) {
    if (isContent(input) || input.type === 'DIRECTORY') continue;
    const folders = storages.for(input.url ?? '').folders;
    if (!folders) continue;
    const { source, path } = folders.source(input.url ?? '');
    const [listing] = await trees.list(source, [{ kind: 'any', path }], signal);
    const [found] = listing?.entries ?? [];
    if (listing?.failure || found?.type !== 'file' || found.path !== '' || found.sizeBytes < LINK_BYTES)
      continue;
    links.push({
      root: source.root,
      relative: found.realPath.replace(/^\//, ''),
      path: input.path,
      mode: (found.mode & 0o777) | 0o600,
      sizeBytes: found.sizeBytes,
    });
  }
  return links;
}

/** `content` wins over `url` (TES 1.1, tesInput), but an empty one beside a URL is none. */
function isContent({ content, url }: TesInput): boolean {
  return content !== undefined && (content !== '' || url === undefined);
}

async function* contentEntry(content: string): Delivery['entries'] {
  const bytes = Buffer.from(content, 'utf8');
  yield {
    path: '',
    type: 'file',
    sizeBytes: bytes.length,
    mode: 0o644,
    body: Readable.from([bytes], { objectMode: false }),
  };
}

function assertAll(inputs: readonly TesInput[], outcomes: readonly Outcome[]): void {
  for (const [at, { failure }] of outcomes.entries()) {
    if (!failure) continue;
    const input = inputs[at];
    throw new BulkheadError(failure.code, `input ${input?.path ?? at}: ${failure.message}`, {
      cause: failure,
    });
  }
}
