import type { Storages } from '../../storage/storage.ts';
import type { ConfinedTrees } from '../../warden/confined-tree.ts';
import { type LinkableInputs, linkableInputs, NOTHING_LINKED } from './linkable-inputs.ts';
import { stageIn } from './stage-in.ts';
import { stageOut } from './stage-out.ts';
import type { TaskTree } from './task-tree.ts';
import type { Attempt, StageOutResult } from '../backend.ts';

/** Moves a task's files between storage and its workspace. */
export interface Staging {
  /** The inputs that could appear without a copy. */
  links(attempt: Attempt, signal: AbortSignal): Promise<LinkableInputs>;
  /**
   * `linked`: paths of inputs that are in place already; `folders`: what is to be there besides. Returns lines for the
   * system logs.
   */
  stageIn(
    attempt: Attempt,
    tree: TaskTree,
    made: { readonly linked: ReadonlySet<string>; readonly folders: readonly string[] },
    signal: AbortSignal,
  ): Promise<readonly string[]>;
  stageOut(attempt: Attempt, tree: TaskTree, signal: AbortSignal): Promise<StageOutResult>;
}

/** Staging by confined trees and the storages that the site has. */
export function createStaging(options: {
  readonly storages: Storages;
  readonly trees: ConfinedTrees;
  readonly missingOutputs: 'record' | 'error';
  /** Every input is copied, also where it could appear without. */
  readonly copiesAll: boolean;
}): Staging {
  return {
    links: async (attempt, signal) =>
      options.copiesAll ? NOTHING_LINKED : linkableInputs({ ...options, attempt, signal }),
    stageIn: (attempt, tree, made, signal) => stageIn({ ...options, ...made, attempt, tree, signal }),
    stageOut: (attempt, tree, signal) => stageOut({ ...options, attempt, tree, signal }),
  };
}
