import { BulkheadError } from '../../errors.ts';
import type { ResolvedImage } from '../../images/images.ts';
import { executorSandbox } from '../../sandbox/executor.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { filesInRoot } from '../../tes/places.ts';
import type { TesExecutor } from '../../tes/task.ts';
import type { Attempt } from '../backend.ts';
import type { OciBackendOptions } from './config.ts';
import { SPARE_HOME, workdir } from './environment.ts';
import type { PreparedExecutor } from './handle.ts';
import type { ImageFacts } from './image-facts.ts';
import { assertFits } from './fit.ts';
import { workspaceTrees } from './trees.ts';

/** Of distroless images: who runs where uid 0 is not wanted. */
export const STAND_IN_ID = 65_532;

export interface PreparedImages {
  readonly executors: readonly PreparedExecutor[];
  readonly trees: readonly string[];
  /** Files in a root that is read only, each shared for itself. */
  readonly rootFiles: readonly string[];
  /** Digests that were acquired, each once. */
  readonly digests: readonly string[];
}

/**
 * Resolves every executor's image once, and gets it unpacked; finds out who runs in it and where the task's shared
 * folders are. Where it throws, nothing stays acquired.
 */
export async function prepareImages(
  { images }: Pick<OciBackendOptions, 'images'>,
  facts: ImageFacts,
  attempt: Attempt,
  progress: (message: string) => void,
  signal: AbortSignal,
): Promise<PreparedImages> {
  const resolved = new Map<string, ResolvedImage>();
  const acquired = new Set<string>();
  try {
    for (const { image: reference } of attempt.document.executors) {
      if (!resolved.has(reference)) resolved.set(reference, await images.resolve(reference, signal));
    }
    for (const image of resolved.values()) {
      if (acquired.has(image.digest)) continue;
      await images.acquire(image, progress, signal);
      acquired.add(image.digest);
    }
    const executors = await Promise.all(
      attempt.document.executors.map((executor, index) =>
        prepareExecutor(
          facts,
          executorSandbox(attempt.sandbox, index),
          executor,
          find(resolved, executor.image),
        ),
      ),
    );
    const extra = await missingWorkdirs(facts, attempt.document.executors, executors);
    const isReadonly = hasReadonlyRoot(attempt);
    const rootFiles = isReadonly ? filesInRoot(attempt.document) : [];
    const writable = isReadonly ? writableFolders(executors) : [];
    const trees = workspaceTrees(attempt.document, [...extra, ...writable], rootFiles);
    await assertFits(facts, attempt.document, executors, trees);
    return {
      executors: await Promise.all(
        executors.map(async (executor) => ({
          ...executor,
          merged: await merged(facts, executor.image.digest, trees),
        })),
      ),
      trees,
      rootFiles,
      digests: [...acquired],
    };
  } catch (error) {
    for (const digest of acquired) images.release(digest);
    throw error;
  }
}

async function prepareExecutor(
  facts: ImageFacts,
  sandbox: Sandbox,
  executor: TesExecutor,
  image: ResolvedImage,
): Promise<Omit<PreparedExecutor, 'merged'>> {
  const own = await facts.user(image.digest, image.config.user);
  const isRefusedRoot = own.uid === 0 && sandbox.privilege === 'nonroot';
  const user = isRefusedRoot
    ? { uid: STAND_IN_ID, gid: STAND_IN_ID, additionalGids: [], home: '/', name: undefined }
    : own;
  const { uid, gid, additionalGids, home } = user;
  const setsHome =
    executor.env?.['HOME'] !== undefined || image.config.env.some((entry) => entry.startsWith('HOME='));
  const isWritable =
    setsHome || (sandbox.rootfs === 'ephemeral' && (await facts.folder(image.digest, home)).owner === uid);
  return {
    image,
    user: { uid, gid, additionalGids, home, hasName: user.name !== undefined },
    home: isWritable ? home : SPARE_HOME,
  };
}

/** Shared folders are shared by all executors. */
function hasReadonlyRoot({ document, sandbox }: Attempt): boolean {
  return document.executors.some((_, index) => executorSandbox(sandbox, index).rootfs === 'readonly');
}

/** A working directory that no image has is the task's own, shared like a volume. */
async function missingWorkdirs(
  facts: ImageFacts,
  executors: readonly TesExecutor[],
  prepared: readonly Omit<PreparedExecutor, 'merged'>[],
): Promise<string[]> {
  const missing: string[] = [];
  for (const [index, executor] of executors.entries()) {
    const image = prepared[index];
    if (executor.workdir === undefined || !image) continue;
    const path = workdir(executor, image.image.config.workdir);
    if (path !== '/' && (await facts.folder(image.image.digest, path)).leadsTo === 'nothing')
      missing.push(path);
  }
  return missing;
}

function writableFolders(executors: readonly Omit<PreparedExecutor, 'merged'>[]): string[] {
  return ['/tmp', '/var/tmp', ...(executors.some(({ home }) => home === SPARE_HOME) ? [SPARE_HOME] : [])];
}

/** Shared folders in which the image has files too. What mount options can't spell is left to the task alone. */
async function merged(facts: ImageFacts, digest: string, trees: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const tree of trees) {
    if (tree === '/' || !/^[\w./+@%=-]+$/.test(tree)) continue;
    if (!(await facts.folder(digest, tree)).isEmpty) found.push(tree);
  }
  return found;
}

function find<Value>(map: ReadonlyMap<string, Value>, key: string): Value {
  const value = map.get(key);
  if (value === undefined) throw new BulkheadError('internal', `no image ${key}`);
  return value;
}
