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
  /** For each executor, what the backend would make of it. */
  readonly specs: (document: TesTaskDocument, sandbox: Sandbox) => BackendSpecs;
}

export interface BackendSpecs {
  readonly specs: readonly object[];
  /** JSON pointers of what only the start decides. */
  readonly unknown: readonly string[];
}

/** Whom it is about. */
export type Asker = Pick<Principal, 'subject' | 'groups'>;
