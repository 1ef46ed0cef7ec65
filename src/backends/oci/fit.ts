import { BulkheadError } from '../../errors.ts';
import type { TesExecutor, TesTaskDocument } from '../../tes/task.ts';
import { environment, workdir } from './environment.ts';
import type { PreparedExecutor } from './handle.ts';
import type { ImageFacts } from './image-facts.ts';
import { fieldOfTree } from './trees.ts';

/**
 * Ends a task before anything of it runs that no container could be made for: where an image has a file at a place that
 * must be a folder, or too much is to be passed. The runtime would say so in words of its own. Throws `invalid`, naming field and image.
 */
export async function assertFits(
  facts: Pick<ImageFacts, 'folder'>,
  document: TesTaskDocument,
  executors: readonly Pick<PreparedExecutor, 'image' | 'home'>[],
  trees: readonly string[],
): Promise<void> {
  for (const [index, executor] of document.executors.entries()) {
    const prepared = executors[index];
    if (prepared === undefined) continue;
    const { image } = prepared;
    assertArguments(executor, index, prepared);
    const cwd = workdir(executor, image.config.workdir);
    const within = `is a file in the image ${executor.image}, or below one`;
    if ((await facts.folder(image.digest, cwd)).leadsTo === 'file')
      throw invalid(
        executor.workdir === undefined
          ? `the working directory that the image names, ${cwd}, ${within}; choose a folder as /executors/${index}/workdir`
          : `/executors/${index}/workdir: ${cwd} ${within}; choose a folder, or a path where the image has nothing`,
      );
    for (const tree of trees) {
      if (tree === '/' || (await facts.folder(image.digest, tree)).leadsTo !== 'file') continue;
      const field = fieldOfTree(document, tree) ?? 'the task';
      throw invalid(`${field}: the folder ${tree} ${within}; choose a path in another folder`);
    }
  }
}

/** What Linux passes to a process with the usual stack of 8 MiB, but for a little that the kernel adds. Source: execve(2). */
const MAX_ARGUMENTS_BYTES = 2 ** 21 - 2 ** 13;
/** Each argument costs its NUL and a pointer besides. */
const ARGUMENT_OVERHEAD_BYTES = 9;

/** A task's own are known when it is created; those of the image come on top. Throws `invalid`. */
function assertArguments(
  executor: TesExecutor,
  index: number,
  { image, home }: Pick<PreparedExecutor, 'image' | 'home'>,
): void {
  const words = [...executor.command, ...environment(image.config.env, executor, home)];
  const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word) + ARGUMENT_OVERHEAD_BYTES, 0);
  if (bytes <= MAX_ARGUMENTS_BYTES) return;
  throw invalid(
    `/executors/${index}: command, env and the variables of the image ${executor.image} have ${bytes} bytes together; Linux passes at most ${MAX_ARGUMENTS_BYTES} to a process: send the rest as inputs with content`,
  );
}

function invalid(message: string): BulkheadError {
  return new BulkheadError('invalid', message);
}
