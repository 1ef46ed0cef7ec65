import { type BulkheadError, isBulkheadError } from '../../errors.ts';
import type { HostFolders, Storage, Storages } from '../../storage/storage.ts';
import type { OutputRecord } from '../../store/store.ts';
import type { TesOutput } from '../../tes/task.ts';
import type { ConfinedTrees, TreeSource, TreeTarget } from '../../warden/confined-tree.ts';
import type { Attempt, StageOutResult } from '../backend.ts';
import type { TaskTree } from './task-tree.ts';
import { wantedOf } from './wanted.ts';

export interface StageOutRequest {
  readonly attempt: Pick<Attempt, 'document' | 'owner'>;
  readonly tree: TaskTree;
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  /** What to do about an output that names a file which the task didn't make. */
  readonly missingOutputs: 'record' | 'error';
  readonly signal: AbortSignal;
}

/**
 * Collects what the outputs name, after the last process of the task is dead: from within the task's tree, so that a
 * symbolic link leads nowhere else. Those that go to folders of this host go from tree to tree, all of one folder in
 * one go. One output that fails keeps no other from being delivered. Throws `canceled`.
 */
export async function stageOut(request: StageOutRequest): Promise<StageOutResult> {
  const named = request.attempt.document.outputs ?? [];
  const deliveries = new Map<TesOutput, Delivered>();
  const local: LocalOutput[] = [];
  for (const output of named) {
    const failure = await caught(async () => {
      const storage = request.storages.for(output.url);
      const { folders } = storage;
      if (folders === undefined) deliveries.set(output, await send(request, output, storage));
      else local.push({ output, folders, ...folders.target(output.url) });
    });
    if (failure !== undefined) deliveries.set(output, { records: [], messages: [], failure });
  }
  for (const together of Map.groupBy(local, ({ target }) => target.root).values()) {
    for (const [output, delivered] of await copy(request, together)) deliveries.set(output, delivered);
  }
  return report(named, deliveries, request.missingOutputs);
}

interface LocalOutput {
  readonly output: TesOutput;
  readonly folders: HostFolders;
  readonly target: TreeTarget;
  readonly path: string;
}

interface Delivered {
  readonly records: readonly OutputRecord[];
  readonly messages: readonly string[];
  readonly failure?: BulkheadError;
}

/** What kept one output from being delivered; what concerns them all is thrown. */
async function caught(action: () => Promise<void>): Promise<BulkheadError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (!isBulkheadError(error) || error.code === 'canceled') throw error;
    return error;
  }
}

async function copy(
  { tree, trees, signal }: StageOutRequest,
  together: readonly LocalOutput[],
): Promise<Map<TesOutput, Delivered>> {
  const [first] = together;
  const delivered = new Map<TesOutput, Delivered>();
  if (first === undefined) return delivered;
  const moves = together.map(({ output, path }) => ({ from: wantedOf(output), to: path }));
  const outcomes = await trees.copy(sourceOf(tree), first.target, moves, signal);
  for (const [at, { output, folders }] of together.entries()) {
    const { written = [], messages = [], failure } = outcomes[at] ?? {};
    const records = written.map(({ path, sourcePath, sizeBytes }) => ({
      url: folders.urlBelow(output.url, path),
      path: sourcePath,
      sizeBytes,
    }));
    delivered.set(output, { records, messages, ...(failure === undefined ? {} : { failure }) });
  }
  return delivered;
}

async function send(
  { attempt, tree, trees, signal }: StageOutRequest,
  output: TesOutput,
  storage: Storage,
): Promise<Delivered> {
  const messages: string[] = [];
  const places = new Map<string, string>();
  const onMessage = (message: string): void => void messages.push(message);
  async function* entries() {
    for await (const entry of trees.read(sourceOf(tree), wantedOf(output), { signal, onMessage })) {
      places.set(entry.path, entry.treePath);
      yield entry;
    }
  }
  const written = await storage.write({ url: output.url, owner: attempt.owner, entries: entries(), signal });
  const records = written.map(({ url, path, sizeBytes }) => ({
    url,
    path: places.get(path) ?? output.path,
    sizeBytes,
  }));
  return { records, messages };
}

/** Executors may have run as different users, whose files are all the task's own. */
function sourceOf({ root, uid, gid }: TaskTree): TreeSource {
  return { root, as: { uid, gid }, readsAll: true };
}

function report(
  named: readonly TesOutput[],
  deliveries: ReadonlyMap<TesOutput, Delivered>,
  missingOutputs: StageOutRequest['missingOutputs'],
): StageOutResult {
  const outputs: OutputRecord[] = [];
  const messages: string[] = [];
  const failures: string[] = [];
  for (const output of named) {
    const said = `output ${output.path}`;
    const { records = [], messages: told = [], failure } = deliveries.get(output) ?? {};
    outputs.push(...records);
    messages.push(...told.map((message) => `${said}: ${message}`));
    if (failure === undefined) continue;
    const isExcused = failure.code === 'storage-not-found' && missingOutputs === 'record';
    if (isExcused) messages.push(`${said} was not made: ${failure.message}`);
    else failures.push(`${said}: ${failure.message}`);
  }
  return { outputs, messages, failures };
}
