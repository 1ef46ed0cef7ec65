import { BulkheadError } from '../errors.ts';
import { type Digest, isDigest } from './digest.ts';
import {
  isObject,
  type JsonObject,
  optionalArray,
  optionalObject,
  optionalString,
  parseJsonObject,
} from './json.ts';

/** Of an OCI or Docker schema 2 manifest, what is used of it. */
export interface Manifest {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
}

/** Of an OCI index or Docker manifest list. */
export interface Index {
  readonly kind: 'index';
  readonly manifests: readonly IndexEntry[];
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface IndexEntry extends Descriptor {
  readonly platform: Platform | undefined;
  /** The annotation `org.opencontainers.image.ref.name`. */
  readonly refName: string | undefined;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** Caps on documents: a registry may serve a manifest of 4 MiB at most (distribution's own limit). */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_LAYERS = 500;
const MAX_INDEX_ENTRIES = 10_000;

const INDEX_TYPES = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const MANIFEST_TYPES = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);
const CONFIG_TYPES = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[.+](?:gzip|zstd))?$/;

/** Source: OCI image specification 1.1, manifest.md and image-index.md. Throws `image-invalid`. */
export function parseManifest(bytes: Uint8Array, what: string): Manifest | Index {
  const document = parseJsonObject(bytes, what);
  if (document['schemaVersion'] !== 2) {
    throw new BulkheadError(
      'image-invalid',
      `${what} has schemaVersion ${JSON.stringify(document['schemaVersion'])}; only 2 can be read. Push the image again with a current tool.`,
    );
  }
  const mediaType = optionalString(document, 'mediaType', what);
  const isIndex = mediaType === undefined ? Array.isArray(document['manifests']) : INDEX_TYPES.has(mediaType);
  if (isIndex) {
    if (document['layers'] !== undefined) throw ambiguous(what);
    return { kind: 'index', manifests: parseEntries(document, what) };
  }
  if (mediaType !== undefined && !MANIFEST_TYPES.has(mediaType)) {
    throw new BulkheadError(
      'image-invalid',
      `${what} is a ${JSON.stringify(mediaType)}, not an image manifest or index.`,
    );
  }
  if (document['manifests'] !== undefined) throw ambiguous(what);
  return parseImageManifest(document, what);
}

function parseImageManifest(document: JsonObject, what: string): Manifest {
  const config = parseDescriptor(document['config'], `${what}: config`);
  if (!CONFIG_TYPES.has(config.mediaType)) {
    throw new BulkheadError(
      'image-invalid',
      `${what} is an artifact of type ${JSON.stringify(config.mediaType)}, not a container image.`,
    );
  }
  if (config.sizeBytes > MAX_DOCUMENT_BYTES) {
    throw new BulkheadError(
      'image-invalid',
      `${what}: the config of ${config.sizeBytes} bytes is over the limit of ${MAX_DOCUMENT_BYTES}.`,
    );
  }
  const layers = optionalArray(document, 'layers', what);
  if (layers.length > MAX_LAYERS) {
    throw new BulkheadError(
      'image-invalid',
      `${what} has ${layers.length} layers; the limit is ${MAX_LAYERS}.`,
    );
  }
  return {
    kind: 'manifest',
    config,
    layers: layers.map((layer, index) => parseLayer(layer, `${what}: layers[${index}]`)),
  };
}

function parseLayer(value: unknown, what: string): Descriptor {
  const layer = parseDescriptor(value, what);
  if (!LAYER_TYPE.test(layer.mediaType)) {
    throw new BulkheadError(
      'image-invalid',
      `${what} is a ${JSON.stringify(layer.mediaType)}; only tar layers, plain or compressed by gzip or zstd, can be unpacked.`,
    );
  }
  return layer;
}

function parseEntries(document: JsonObject, what: string): IndexEntry[] {
  const entries = optionalArray(document, 'manifests', what);
  if (entries.length > MAX_INDEX_ENTRIES) {
    throw new BulkheadError(
      'image-invalid',
      `${what} has ${entries.length} entries; the limit is ${MAX_INDEX_ENTRIES}.`,
    );
  }
  return entries.map((value, index) => parseEntry(value, `${what}: manifests[${index}]`));
}

function parseEntry(value: unknown, what: string): IndexEntry {
  const descriptor = parseDescriptor(value, what);
  const object = isObject(value) ? value : {};
  const refName = optionalString(
    optionalObject(object, 'annotations', what),
    'org.opencontainers.image.ref.name',
    what,
  );
  return { ...descriptor, platform: parsePlatform(object, what), refName };
}

function parsePlatform(object: JsonObject, what: string): Platform | undefined {
  if ((object['platform'] ?? undefined) === undefined) return undefined;
  const platform = optionalObject(object, 'platform', what);
  const variant = optionalString(platform, 'variant', what);
  return {
    os: optionalString(platform, 'os', what) ?? 'unknown',
    architecture: optionalString(platform, 'architecture', what) ?? 'unknown',
    ...(variant === undefined ? {} : { variant }),
  };
}

function parseDescriptor(value: unknown, what: string): Descriptor {
  if (!isObject(value)) throw new BulkheadError('image-invalid', `${what} must be a descriptor object.`);
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== 'string')
    throw new BulkheadError('image-invalid', `${what}: mediaType must be a string.`);
  if (!isDigest(digest)) {
    throw new BulkheadError(
      'image-invalid',
      `${what}: digest must be sha256: and 64 hexadecimal digits, not ${JSON.stringify(digest)?.slice(0, 100)}.`,
    );
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new BulkheadError('image-invalid', `${what}: size must be a whole number of bytes.`);
  }
  return { mediaType, digest, sizeBytes: size };
}

/** A document that is both may be read as one thing by a scanner and another by a runtime (CVE-2021-41190). */
function ambiguous(what: string): BulkheadError {
  return new BulkheadError(
    'image-invalid',
    `${what} has both "manifests" and "layers", so it isn't clear what it is.`,
  );
}
