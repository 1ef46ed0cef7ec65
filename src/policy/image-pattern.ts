import { isLike, isPathLike } from './glob.ts';

/** What an image's reference says, as normalised: nothing is looked up. */
export interface ImageName {
  /** `docker.io`, `quay.io`, `localhost:5000`. Lower case. */
  readonly host: string;
  /** `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…`; wins over the tag. */
  readonly digest?: string;
}

/**
 * Whether an image is of the form of a pattern, such as `quay.io/biocontainers/*`, `ubuntu` or `ubuntu:22.*`. A pattern
 * is completed as a reference is: `ubuntu` is `docker.io/library/ubuntu`. One without a tag matches every tag and digest;
 * one with a tag matches no image that is named by its digest, since a tag beside it decides nothing.
 */
export function isImageLike(image: ImageName, pattern: string): boolean {
  const colon = pattern.lastIndexOf(':');
  const hasTag = colon > pattern.lastIndexOf('/');
  const name = hasTag ? pattern.slice(0, colon) : pattern;
  if (!isPathLike(`${image.host}/${image.repository}`, completed(name))) return false;
  if (!hasTag) return true;
  return image.digest === undefined && isLike(image.tag ?? '', pattern.slice(colon + 1));
}

/** As Docker completes references: what comes before the first slash is a host only where it looks like one. */
function completed(name: string): string {
  const [first = '', ...rest] = name.split('/');
  if (first === '**') return name;
  if (rest.length === 0) return `docker.io/library/${name}`;
  if (first === 'index.docker.io') return ['docker.io', ...rest].join('/');
  const isHost = /[.:*]/.test(first) || first === 'localhost';
  return isHost ? [first.toLowerCase(), ...rest].join('/') : `docker.io/${name}`;
}
