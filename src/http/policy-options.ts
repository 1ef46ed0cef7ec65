import type { Principal } from '../auth/authenticator.ts';
import type { Explanation } from '../policy/explanation.ts';
import type { Overview } from '../policy/overview.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TesTaskDocument } from '../tes/task.ts';

/** What the routes of the policy ask. */
export interface PolicyOptions {
  /** Subjects that may ask for others. */
  readonly operators: readonly string[];
  /** Throws `image-reference` and `config`. */
  readonly explain: (document: TesTaskDocument, principal: Asker) => Explanation;
  readonly overview: (principal: Asker) => Overview;
  /** What a backend would make of a task. Throws `invalid` for what it can't make. */
  readonly specs: (document: TesTaskDocument, sandbox: Sandbox, backend: SpecBackend) => BackendSpecs;
}

export const SPEC_BACKENDS = ['oci', 'kubernetes'] as const;
export type SpecBackend = (typeof SPEC_BACKENDS)[number];

export interface BackendSpecs {
  /** `oci`: for each executor, the runtime's specification; `kubernetes`: the objects. */
  readonly specs: readonly object[];
  /** JSON pointers of what only the start decides. */
  readonly unknown: readonly string[];
  /** Controls that the backend can't enforce, by name. */
  readonly unenforced: readonly string[];
}

/** Whom it is about. */
export type Asker = Pick<Principal, 'subject' | 'groups'>;
