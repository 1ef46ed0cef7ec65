import { BulkheadError } from '../../errors.ts';
import type { ResolvedImage } from '../../images/images.ts';
import type { Handle } from '../backend.ts';
import type { RunningUser } from './environment.ts';

/** What finds an attempt again after a restart: nothing else about it is in memory only. */
export type OciHandle = Handle & {
  readonly backend: 'oci';
  /** Task and attempt; also the prefix of its containers' names. */
  readonly id: string;
  readonly slot: number;
  /** Which start of the host it was made in; absent in handles of the first release. */
  readonly boot?: string;
  readonly trees: readonly string[];
  /** Absent in handles of the first release. */
  readonly rootFiles?: readonly string[];
  readonly executors: readonly PreparedExecutor[];
};

export interface PreparedExecutor {
  readonly image: ResolvedImage;
  readonly user: RunningUser & { readonly hasName: boolean };
  readonly home: string;
  /** Shared folders in which this image has files of its own: both show. */
  readonly merged: readonly string[];
}

/** Handles come back from the store as JSON. Throws `internal` for one that another backend made. */
export function ociHandle(handle: Handle): OciHandle {
  if (!isOci(handle))
    throw new BulkheadError('internal', `a handle of backend ${handle.backend} reached backend oci`);
  return handle;
}

function isOci(handle: Handle): handle is OciHandle {
  return handle.backend === 'oci' && typeof handle['id'] === 'string' && Array.isArray(handle['executors']);
}

export function containerName(id: string, index: number): string {
  return `${id}-${index}`;
}
