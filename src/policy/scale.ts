import type { Endpoint } from '../sandbox/endpoint.ts';
import { formatEndpoint, intersection, isCovered, parseEndpoint } from '../sandbox/endpoint.ts';
import { formatDuration, parseDuration } from '../sandbox/duration.ts';

/** The values of one field and what is tighter among them: a lattice, as the tests of this file show. Pure. */
export interface Scale<T> {
  /** Whether a value grants nothing that the bound doesn't. */
  isWithin(value: T, bound: T): boolean;
  /** The loosest value that is within both. */
  tightest(one: T, other: T): T;
  /** The tightest value that both are within. */
  loosest(one: T, other: T): T;
  /** As a task writes it; undefined for what is none. Nothing is trimmed, lower-cased or guessed. */
  parse(text: string): T | undefined;
  format(value: T): string;
  /** What may be written, for people. */
  readonly expectation: string;
}

/** Words, the tightest first. */
export function ladder<T extends string>(words: readonly T[]): Scale<T> {
  const rank = (word: T): number => words.indexOf(word);
  return {
    isWithin: (value, bound) => rank(value) <= rank(bound),
    tightest: (one, other) => (rank(one) <= rank(other) ? one : other),
    loosest: (one, other) => (rank(one) >= rank(other) ? one : other),
    parse: (text) => words.find((word) => word === text),
    format: (value) => value,
    expectation: `one of ${words.join(', ')}`,
  };
}

/** Some of these words; none is the tightest. Written with commas between, or as `none`. */
export function subset<T extends string>(words: readonly T[]): Scale<readonly T[]> {
  return {
    isWithin: (value, bound) => value.every((word) => bound.includes(word)),
    tightest: (one, other) => words.filter((word) => one.includes(word) && other.includes(word)),
    loosest: (one, other) => words.filter((word) => one.includes(word) || other.includes(word)),
    parse(text) {
      if (text === 'none') return [];
      const parts = text.split(',');
      const found = words.filter((word) => parts.includes(word));
      return found.length === parts.length ? found : undefined;
    },
    format: (value) => (value.length === 0 ? 'none' : value.join(',')),
    expectation: `none, or some of ${words.join(', ')} with commas between`,
  };
}

/** A number above 0: less is tighter. */
export function amount(expectation: string, isOne: (value: number) => boolean): Scale<number> {
  return {
    isWithin: (value, bound) => value <= bound,
    tightest: (one, other) => Math.min(one, other),
    loosest: (one, other) => Math.max(one, other),
    parse(text) {
      const value = /^\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
      return value > 0 && isOne(value) ? value : undefined;
    },
    format: shownNumber,
    expectation,
  };
}

/** Milliseconds, less is tighter; null: no limit. Written `90m`, or `none`. */
export const DURATION: Scale<number | null> = {
  isWithin: (value, bound) => bound === null || (value !== null && value <= bound),
  tightest: (one, other) => (one === null ? other : other === null ? one : Math.min(one, other)),
  loosest: (one, other) => (one === null || other === null ? null : Math.max(one, other)),
  parse: (text) => (text === 'none' ? null : parseDuration(text) || undefined),
  format: (value) => (value === null ? 'none' : formatDuration(value)),
  expectation: 'a duration with its unit, such as 90m or 12h, or none',
};

/** Places that may be reached, `host:port` with commas between; fewer are tighter. */
export const ALLOW_LIST: Scale<readonly Endpoint[]> = {
  isWithin: (value, bound) => value.every((each) => isCoveredByAny(each, bound)),
  tightest: (one, other) =>
    distinct(one.flatMap((a) => other.map((b) => intersection(a, b)).filter((both) => both !== undefined))),
  loosest: (one, other) => distinct([...one, ...other]),
  parse(text) {
    const parts = text.split(',').map(parseEndpoint);
    const endpoints = parts.filter((each) => each !== undefined);
    return endpoints.length === parts.length ? distinct(endpoints) : undefined;
  },
  format: (value) => (value.length === 0 ? 'nothing' : value.map(formatEndpoint).join(',')),
  expectation: 'a list such as ftp.example.org:443,*.example.com:443, without white space',
};

function isCoveredByAny(endpoint: Endpoint, bound: readonly Endpoint[]): boolean {
  return bound.some((each) => isCovered(endpoint, each));
}

function distinct(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const byText = new Map(endpoints.map((each) => [formatEndpoint(each), each]));
  return [...byText.values()];
}

/** Rounded down to what people read: a machine has 15.51 GB, not 15.51997161865234. */
function shownNumber(value: number): string {
  return String(Math.floor(value * 100) / 100 || value);
}
