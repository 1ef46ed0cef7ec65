import type { ImageProvider } from '../../images/images.ts';
import type { Warden } from '../../warden/warden.ts';
import type { RunningUser } from './environment.ts';
import type { Staging } from './staging.ts';

/** What the backend is made of. */
export interface OciBackendOptions {
  readonly warden: Warden;
  readonly images: ImageProvider;
  readonly staging: Staging;
  /** An image's `user` by the passwd and group files of its root file system. */
  readonly resolveUser: (
    rootfs: string,
    user: string,
  ) => Promise<RunningUser & { readonly name: string | undefined }>;
  /** Bundles and logs of attempts. */
  readonly folder: string;
  /** Where the task disks are: their file system's free bytes are the disk that can be given away. */
  readonly diskFolder: string;
  readonly slots: number | 'auto';
  readonly reserved: { readonly cpuCores: number; readonly memoryBytes: number; readonly diskBytes: number };
  /** Bytes of each of stdout and stderr that `wait` answers as text. */
  readonly textBytes: number;
  readonly now: () => number;
}
