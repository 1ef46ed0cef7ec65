import type { ImageProvider } from '../../images/images.ts';
import type { Warden } from '../../warden/warden.ts';
import type { UnpackedImages } from '../../warden/unpacked-images.ts';
import type { EnforcementPolicy } from '../../policy/enforcement.ts';
import type { Staging } from './staging.ts';

/** What the backend is made of. */
export interface OciBackendOptions {
  readonly warden: Warden;
  readonly images: ImageProvider;
  readonly staging: Staging;
  readonly unpacked: UnpackedImages;
  /** Notes of attempts: what this process must know of them after it was killed. */
  readonly folder: string;
  /** Where the task disks are: their file system's free bytes are the disk that can be given away. */
  readonly diskFolder: string;
  readonly slots: number | 'auto';
  readonly reserved: { readonly cpuCores: number; readonly memoryBytes: number; readonly diskBytes: number };
  /** Bytes of each of stdout and stderr that `wait` answers as text. */
  readonly textBytes: number;
  /** What must be enforced before a first instruction. */
  readonly enforcement: EnforcementPolicy;
  readonly now: () => number;
}
