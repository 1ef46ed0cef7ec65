import { BulkheadError } from '../errors.ts';

/** An image reference with nothing left to guess: what Docker would make of the text. */
export interface Reference {
  /** `docker.io`, `quay.io`, `localhost:5000`. Lower case. */
  readonly host: string;
  /** Path below the host: `library/alpine`. */
  readonly repository: string;
  /** Absent only where there is a digest. */
  readonly tag?: string;
  /** `sha256:…`; wins over the tag. */
  readonly digest?: string;
}

const MAX_LENGTH = 512;
const MAX_NAME_LENGTH = 255;
const DEFAULT_HOST = 'docker.io';
const LEGACY_DEFAULT_HOST = 'index.docker.io';

const HOST_LABEL = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const HOST = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-f:.]+\\])(?::[0-9]{1,5})?$`);
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const BARE_HEX = /^[0-9a-f]{64}$/;

/**
 * Parses and normalises a reference. Throws `image-reference`.
 *
 * The grammar is that of the distribution project's reference package; the defaults (`docker.io`, `library/`,
 * `latest`) are Docker's. Stricter than Docker in two ways: digests are SHA-256 only, and a host is lower-cased,
 * so that a site's rule for `quay.io` can't be evaded by spelling it `QUAY.IO`.
 */
export function parseReference(text: string): Reference {
  if (text.length === 0) throw refused(text, 'it is empty; name an image, such as alpine:3.20');
  if (text.length > MAX_LENGTH) throw refused(text, `it is longer than ${MAX_LENGTH} characters`);
  if (text.startsWith('-'))
    throw refused(text, 'it begins with "-" like an option; a reference begins with a letter or digit');

  const [beforeDigest, digest] = splitAt(text, text.indexOf('@'));
  if (digest !== undefined && !DIGEST.test(digest)) {
    throw refused(text, 'what follows "@" must be sha256: and 64 lower-case hexadecimal digits');
  }
  const colon = beforeDigest.lastIndexOf(':');
  const [name, tag] = splitAt(beforeDigest, colon > beforeDigest.lastIndexOf('/') ? colon : -1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw refused(
      text,
      'the tag must be 1 to 128 letters, digits, "_", "." or "-", and not begin with "." or "-"',
    );
  }

  const { host, repository } = splitName(text, name);
  return {
    host,
    repository,
    ...(tag === undefined && digest === undefined ? { tag: 'latest' } : {}),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** `host/repository[:tag][@digest]`: parsing it gives the same reference again. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${repositoryName(reference)}${tag}${digest}`;
}

/** `docker.io/library/alpine`. */
export function repositoryName(reference: Reference): string {
  return `${reference.host}/${reference.repository}`;
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

function splitName(text: string, name: string): { host: string; repository: string } {
  if (BARE_HEX.test(name)) throw refused(text, 'it is a bare image id; write NAME@sha256:DIGEST');
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost';
  const written = isHost ? first.toLowerCase() : DEFAULT_HOST;
  const host = written === LEGACY_DEFAULT_HOST ? DEFAULT_HOST : written;
  const path = isHost ? name.slice(slash + 1) : name;

  if (!HOST.test(host)) throw refused(text, `${JSON.stringify(first)} is not a registry's host[:port]`);
  if (/[A-Z]/.test(path)) throw refused(text, 'the repository has upper-case letters; it must be lower case');
  if (!REPOSITORY.test(path)) {
    throw refused(
      text,
      'only lower-case letters and digits, parted by ".", "_", "__", "-" or "/", may name a repository',
    );
  }
  const repository = host === DEFAULT_HOST && !path.includes('/') ? `library/${path}` : path;
  if (host.length + 1 + repository.length > MAX_NAME_LENGTH) {
    throw refused(text, `host and repository are longer than ${MAX_NAME_LENGTH} characters`);
  }
  return { host, repository };
}

function splitAt(text: string, position: number): [string, string | undefined] {
  return position === -1 ? [text, undefined] : [text.slice(0, position), text.slice(position + 1)];
}

function refused(text: string, problem: string): BulkheadError {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return new BulkheadError(
    'image-reference',
    `The image reference ${JSON.stringify(shown)} can't be used: ${problem}.`,
  );
}
