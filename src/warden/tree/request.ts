import type { TreeSource, TreeTarget, Wanted } from '../confined-tree.ts';

/** What one run of src/warden/tree.pl is asked; plain data, so that another process can ask it. */
export interface TreeRequest {
  readonly mode: 'read' | 'write' | 'copy';
  readonly from?: TreeSource & { readonly withContents: boolean };
  readonly to?: TreeTarget;
  /** For `read` and `copy`. */
  readonly wanted: readonly Wanted[];
  /** For `write` and `copy`: where each delivery or move goes. */
  readonly places: readonly string[];
}
