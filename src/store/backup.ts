import type { Readable } from 'node:stream';

/** Of a store that can be copied while it is in use; an ability of its own, since not every store has it. */
export interface BackupSource {
  /**
   * Writes the store as it is at one moment into a new file, for its owner alone, durable and checked when the promise
   * resolves. Writes and reads go on meanwhile. Throws `canceled` where the signal aborts, `disk-full`, `store`; then
   * there is no file.
   */
  backup(
    path: string,
    options: { readonly progress: (progress: BackupProgress) => void; readonly signal: AbortSignal },
  ): Promise<BackupReport>;
}

export interface BackupProgress {
  readonly copiedPages: number;
  readonly totalPages: number;
}

export interface BackupReport {
  readonly bytes: number;
  /** Of the file, in hex. */
  readonly sha256: string;
  readonly schemaVersion: number;
  readonly tasks: number;
}

/** Backups on their way to whoever asked for them: one at a time, kept until it was fetched or the next one is made. */
export interface Backups {
  /** Throws `conflict` while another one is made, and what `BackupSource` throws. */
  make(
    progress: (progress: BackupProgress) => void,
    signal: AbortSignal,
  ): Promise<BackupReport & { readonly id: string }>;
  /** Undefined where there is none of that id. */
  open(id: string): Promise<{ readonly bytes: number; readonly stream: Readable } | undefined>;
  remove(id: string): Promise<void>;
}
