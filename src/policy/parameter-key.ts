import { EXECUTOR_FIELDS } from './fields.ts';
import type { Field } from './fields.ts';

/** What a key of a sandbox parameter is about. */
export interface ParameterKey {
  readonly word: Word;
  /** Index of the one executor that it is for; all of them where it is left out. */
  readonly executor?: number;
}

export type Word = Field | 'profile';

/** Keys with this prefix are this extension's own: one that isn't known is refused, since ignoring it could weaken a sandbox. */
const PREFIX = 'sandbox_';

const WORDS = [
  'profile',
  ...EXECUTOR_FIELDS.filter((field) => field !== 'pids'),
  'timeout',
  'pids',
] as const satisfies readonly Word[];

/** Which may be asked for by backend parameters, in lower case. Advertised in service-info as `tesResources_backend_parameters`. */
export const SUPPORTED_PARAMETERS: readonly string[] = WORDS.map((word) => PREFIX + word);

/** Reads `sandbox_network` or, for the third executor alone, `sandbox_network.2`. Undefined for what is no such key. */
export function parseKey(key: string): ParameterKey | undefined {
  const [, name, index] = /^([a-z_]+)(?:\.(0|[1-9]\d{0,5}))?$/.exec(asciiLowerCase(key)) ?? [];
  const word = WORDS.find((each) => PREFIX + each === name);
  if (word === undefined) return undefined;
  return index === undefined ? { word } : { word, executor: Number(index) };
}

export function formatKey({ word, executor }: ParameterKey): string {
  return `${PREFIX}${word}${executor === undefined ? '' : `.${executor}`}`;
}

export function isReserved(key: string): boolean {
  return asciiLowerCase(key).startsWith(PREFIX);
}

/**
 * Whether a key that isn't one of ours was made, or mistyped, to be taken for one: full-width or Cyrillic letters,
 * invisible characters, `sandbox-network`, ` sandbox_network`.
 */
export function looksReserved(key: string): boolean {
  const plain = Array.from(
    key.normalize('NFKC').toLowerCase(),
    (letter) => LOOK_ALIKES.get(letter) ?? letter,
  );
  return plain
    .join('')
    .replaceAll(/[^a-z]/g, '')
    .startsWith('sandbox');
}

/** Other letters are never folded: `toLowerCase` makes a `k` of the Kelvin sign. */
function asciiLowerCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** For the letters of the prefix. Source: Unicode Technical Standard 39, confusables.txt. */
const LOOK_ALIKES = new Map([
  ...pairs('s', 'ѕꜱ'),
  ...pairs('a', 'аαɑ'),
  ...pairs('n', 'ոռ'),
  ...pairs('d', 'ԁꓒ'),
  ...pairs('b', 'ьƅ'),
  ...pairs('o', 'оοօ'),
  ...pairs('x', 'хχ'),
]);

function pairs(letter: string, alike: string): [string, string][] {
  return Array.from(alike, (each) => [each, letter]);
}
