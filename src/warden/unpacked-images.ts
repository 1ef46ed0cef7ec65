/**
 * Root file systems of images, by digest, in a folder that only root may enter: each is complete or not there, and never
 * changed. Plain data in and out, so that it can be asked from another process.
 */
export interface UnpackedImages {
  /**
   * From an OCI layout below the folder where images are prepared: complete and on disk when this resolves. One that is
   * there stays. Throws `image-invalid`, `disk-full`, `canceled`, `host`, `warden`.
   */
  unpackImage(request: UnpackImageRequest, signal: AbortSignal): Promise<UnpackedSize>;
  listImages(request: Record<string, never>): Promise<readonly UnpackedSize[]>;
  /** Nothing happens where it isn't there. Throws `conflict` while an open attempt uses it. */
  removeImage(request: { readonly digest: string }): Promise<void>;
  /** The image's `user` by its own passwd and group files. Throws `image-invalid`. */
  imageUser(request: { readonly digest: string; readonly user: string }): Promise<ImageUser>;
  /** What is at each path, in their order. */
  imageFolders(request: {
    readonly digest: string;
    readonly paths: readonly string[];
  }): Promise<readonly ImageFolder[]>;
}

export interface UnpackImageRequest {
  /** Under which the image is kept: of the manifest as its source has it. */
  readonly digest: string;
  /** Below the folder where images are prepared. */
  readonly layout: string;
  /** Of the manifest in that layout, which is tagged by its hexadecimal digits. */
  readonly manifest: string;
}

export interface UnpackedSize {
  readonly digest: string;
  /** On disk. */
  readonly sizeBytes: number;
}

/** Who a command runs as inside an image. */
export interface ImageUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** `/` where the image doesn't say. */
  readonly home: string;
  /** Undefined for an id that the image has no name for. */
  readonly name: string | undefined;
}

/** What an image has at a path. */
export interface ImageFolder {
  /** The id inside; null where no such folder is reached without a symbolic link. */
  readonly owner: number | null;
  /** No file is in such a folder. */
  readonly isEmpty: boolean;
  /** Through symbolic links, as a container goes; `file` also where one stands on the way. */
  readonly leadsTo: 'folder' | 'file' | 'nothing';
}
