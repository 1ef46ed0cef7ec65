import { isBulkheadError, type BulkheadError } from '../../errors.ts';
import type { Storages } from '../../storage/storage.ts';
import type { TesOutput } from '../../tes/task.ts';
import { hasWildcard } from '../../tes/wildcard.ts';
import type { OutputRecord } from '../../store/store.ts';
import type { ConfinedTrees, TreeSource, Wanted } from '../../warden/confined-tree.ts';
import type { Attempt, StageOutResult } from '../backend.ts';
import type { TaskTree } from './task-tree.ts';

/**
 * Collects what the outputs name, after the last process of the task is dead: from within the task's tree, so that a
 * symbolic link leads nowhere else, and without privilege. One output that fails keeps no other from being delivered.
 */
export async function stageOut(request: {
  readonly attempt: Attempt;
  readonly tree: TaskTree;
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  readonly missingOutputs: 'record' | 'error';
  readonly signal: AbortSignal;
}): Promise<StageOutResult> {
  const { attempt, tree, missingOutputs, signal } = request;
  const source: TreeSource = { root: tree.root, as: { uid: tree.uid, gid: tree.gid }, readsAll: true };
  const outputs: OutputRecord[] = [];
  const messages: string[] = [];
  const failures: string[] = [];
  for (const output of attempt.document.outputs ?? []) {
    const said = `output ${output.path}`;
    const delivered = await deliver(request, source, output).catch((error: unknown): Delivered => {
      if (!isBulkheadError(error) || error.code === 'canceled') throw error;
      return { records: [], messages: [], failure: error };
    });
    outputs.push(...delivered.records);
    messages.push(...delivered.messages.map((message) => `${said}: ${message}`));
    const { failure } = delivered;
    if (!failure) continue;
    const isMissing = failure.code === 'storage-not-found';
    if (isMissing && missingOutputs === 'record') messages.push(`${said} was not made: ${failure.message}`);
    else failures.push(`${said}: ${failure.message}`);
    signal.throwIfAborted();
  }
  return { outputs, messages, failures };
}

interface Delivered {
  readonly records: readonly OutputRecord[];
  readonly messages: readonly string[];
  readonly failure?: BulkheadError;
}

async function deliver(
  { attempt, storages, trees, signal }: Parameters<typeof stageOut>[0],
  source: TreeSource,
  output: TesOutput,
): Promise<Delivered> {
  const wanted = wantedOf(output);
  const storage = storages.for(output.url);
  const { folders } = storage;
  if (folders) {
    const { target, path } = folders.target(output.url);
    const [outcome] = await trees.copy(source, target, [{ from: wanted, to: path }], signal);
    const records = (outcome?.written ?? []).map((file) => ({
      url: folders.urlBelow(output.url, file.path),
      path: file.sourcePath,
      sizeBytes: file.sizeBytes,
    }));
    return {
      records,
      messages: outcome?.messages ?? [],
      ...(outcome?.failure ? { failure: outcome.failure } : {}),
    };
  }
  const messages: string[] = [];
  const places = new Map<string, string>();
  async function* entries() {
    for await (const entry of trees.read(source, wanted, {
      signal,
      onMessage: (message) => messages.push(message),
    })) {
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

/** A directory that was declared as a file is taken as one: clients don't know what a tool will make. */
function wantedOf({ path, path_prefix: prefix, type }: TesOutput): Wanted {
  if (hasWildcard(path, prefix)) return { kind: 'glob', path, ...(prefix === undefined ? {} : { prefix }) };
  return { kind: type === 'DIRECTORY' ? 'directory' : 'any', path };
}
