/** Resolves references, and gets images by digest into a form that a backend can run. */
export interface ImageProvider {
  /** A reference to a digest, once. Throws `image-reference`, `image-not-found`, `image-platform`, `image-invalid`, `registry`, `canceled`. */
  resolve(reference: string, signal: AbortSignal): Promise<ResolvedImage>;
  /**
   * The image's root file system, unpacked; concurrent calls for one digest do the work once. It stays on disk
   * until `release` was called as often as `acquire`, which after a restart begins at none: who still uses an image
   * acquires it again. `progress` gets one line at a time, for people. Throws `image-invalid`, `registry`,
   * `disk-full`, `canceled`; then nothing is held.
   */
  acquire(image: ResolvedImage, progress: (message: string) => void, signal: AbortSignal): Promise<void>;
  release(digest: string): void;
  /** Removes what is unused and over the limits of size and age. */
  collect(): Promise<{ removed: readonly string[]; freedBytes: number }>;
}

export interface ResolvedImage {
  /** As normalised: `docker.io/library/alpine:latest`. */
  readonly reference: string;
  /** Of the manifest for this platform as its source (registry or layout) has it: `sha256:…`. */
  readonly digest: string;
  /** Where it was found: a layout's folder, or a registry's host. */
  readonly source: { kind: 'layout'; path: string } | { kind: 'registry'; host: string };
  readonly config: ImageConfig;
}

/** Of an OCI image configuration, what decides how a command runs in it. */
export interface ImageConfig {
  /** As written: a name, a uid, `user:group`, or empty. */
  readonly user: string;
  readonly env: readonly string[];
  readonly workdir: string;
}

/** Of a provider that knows how much it keeps: an ability of its own. */
export interface ImageUsage {
  /** Bytes of unpacked images. */
  usedBytes(): Promise<number>;
  /** What `collect` would remove now. */
  due(): Promise<readonly { readonly digest: string; readonly sizeBytes: number }[]>;
}
