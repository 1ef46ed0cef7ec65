import type { BlobFolder } from './blobs.ts';
import type { ParsedConfig } from './config.ts';
import type { Digest } from './digest.ts';
import type { ResolvedImage } from './images.ts';
import type { Manifest } from './manifest.ts';
import type { Reference } from './reference.ts';

/** A place where images are. */
export interface ImageSource {
  /** Undefined where this source has no image of that name. Throws as `ImageProvider.resolve`. */
  find(reference: Reference, signal: AbortSignal): Promise<FoundImage | undefined>;
  /**
   * A folder with the manifest, the config and every layer of an image that `find` found, maybe in an earlier
   * process. `into` doesn't exist, and may be made and filled; the caller removes it.
   */
  fetch(
    image: ResolvedImage,
    into: string,
    progress: (message: string) => void,
    signal: AbortSignal,
  ): Promise<BlobFolder>;
}

export interface FoundImage {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly config: ParsedConfig;
  readonly source: ResolvedImage['source'];
}
