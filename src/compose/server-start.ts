import type { Config } from '../config/schema.ts';

/** What the warden's process tells the server's at its start. */
export interface ServerStart {
  readonly config: Config;
  /** Real path of the data folder. */
  readonly data: string;
  /** Identifies the holder of the data folder. */
  readonly instance: string;
  /** The log is shown to somebody. */
  readonly isTerminal: boolean;
}
