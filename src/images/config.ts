import { BulkheadError } from '../errors.ts';
import { type Digest, isDigest } from './digest.ts';
import type { ImageConfig } from './images.ts';
import { optionalArray, optionalObject, optionalString, parseJsonObject } from './json.ts';
import type { Platform } from './manifest.ts';

export interface ParsedConfig {
  readonly platform: Platform;
  readonly image: ImageConfig;
  /** Of the layers as plain tar, lowest first. */
  readonly diffIds: readonly Digest[];
}

const MAX_ENV = 2_000;
const MAX_TEXT = 128 * 1024;

/** Source: OCI image specification 1.1, config.md; Docker's differs only in media type. Throws `image-invalid`. */
export function parseConfig(bytes: Uint8Array, what: string): ParsedConfig {
  const document = parseJsonObject(bytes, what);
  const variant = optionalString(document, 'variant', what);
  const settings = optionalObject(document, 'config', what);
  return {
    platform: {
      os: optionalString(document, 'os', what) ?? 'unknown',
      architecture: optionalString(document, 'architecture', what) ?? 'unknown',
      ...(variant === undefined || variant === '' ? {} : { variant }),
    },
    image: {
      user: clean(optionalString(settings, 'User', what) ?? '', `${what}: User`),
      env: optionalArray(settings, 'Env', what).map((value, index) => parseEnv(value, index, what)),
      workdir: clean(optionalString(settings, 'WorkingDir', what) ?? '', `${what}: WorkingDir`),
    },
    diffIds: optionalArray(optionalObject(document, 'rootfs', what), 'diff_ids', what).map((value, index) => {
      if (!isDigest(value))
        throw new BulkheadError(
          'image-invalid',
          `${what}: rootfs.diff_ids[${index}] isn't a SHA-256 digest.`,
        );
      return value;
    }),
  };
}

function parseEnv(value: unknown, index: number, what: string): string {
  const field = `${what}: Env[${index}]`;
  if (index >= MAX_ENV)
    throw new BulkheadError('image-invalid', `${what}: Env has more than ${MAX_ENV} entries.`);
  if (typeof value !== 'string' || value.indexOf('=') < 1) {
    throw new BulkheadError(
      'image-invalid',
      `${field} must be NAME=VALUE, not ${JSON.stringify(value)?.slice(0, 60)}.`,
    );
  }
  return clean(value, field);
}

/** No NUL, which would end the text early for the kernel, and no text beyond what `execve` takes (128 KiB a string). */
function clean(text: string, field: string): string {
  if (text.includes('\0')) throw new BulkheadError('image-invalid', `${field} holds a NUL character.`);
  if (text.length > MAX_TEXT)
    throw new BulkheadError('image-invalid', `${field} is longer than ${MAX_TEXT} characters.`);
  return text;
}
