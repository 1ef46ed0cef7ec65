import type { Step } from '../steps.ts';

/**
 * An OCI runtime, as far as one differs from another: how the first process of a container waits before anything of the image
 * runs, and what is kept of a container meanwhile. The command line, `create`, `kill` and `delete`, is the same for all.
 */
export interface Runtime {
  /** Such as `runc 1.1.5`. */
  readonly version: string;
  /** A program and its first arguments, before the command and its own. */
  readonly command: readonly [program: string, ...args: string[]];
  /** There it has executed the image's init already, so that what takes hold at that, such as an AppArmor profile, can be read. */
  readonly waitsInInit: boolean;
  /**
   * Has the first process of a container that was created wait where all that is enforced on it can be read. Nothing of the
   * image runs. Throws `warden` where it can't; then it never will.
   */
  settle(container: string): Promise<void>;
  /** Its first process is alive, and has not been let go. */
  waitsAtGate(container: string): boolean;
  /** Lets it run its first instruction. Throws `warden` where no process waits for that. */
  start(container: string): Promise<void>;
  /** Its first process is alive, as far as the runtime knows one. */
  lives(container: string): boolean;
  /** What `delete` removes of what is known of a dead container. */
  forgetting(container: string): Step[];
}
