import { BulkheadError } from '../errors.ts';
import { pointerTo } from '../tes/faults.ts';

/**
 * Parses JSON of a client. `JSON.parse` takes the last of two equal keys, so that two readers of one document may
 * see two tasks: such a document is refused, as is one nested deeper than `maxDepth`, before anything is built.
 * Throws `invalid`. Source: RFC 8259, section 4.
 */
export function parseJson(text: string, { maxDepth }: { readonly maxDepth: number }): unknown {
  const { depth, duplicate } = scan(text, maxDepth);
  if (depth > maxDepth)
    throw new BulkheadError('invalid', `The body is nested deeper than ${maxDepth} levels; no task is.`);
  const value = parsed(text);
  if (duplicate === undefined) return value;
  const problem = `has the key ${JSON.stringify(duplicate.key)} twice; send it once`;
  throw new BulkheadError(
    'invalid',
    `The body is ambiguous: ${duplicate.pointer || 'its outermost object'} ${problem}.`,
    {
      fields: [{ field: duplicate.pointer, problem }],
    },
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'it has a syntax error';
    throw new BulkheadError(
      'invalid',
      `The body is not JSON: ${detail.replace(/ in JSON/, '').slice(0, 200)}.`,
      { cause: error },
    );
  }
}

interface Scan {
  readonly depth: number;
  readonly duplicate?: { readonly pointer: string; readonly key: string };
}

/** An object or array that is open: its keys so far (none of an array), and the key or position that comes now. */
interface Level {
  readonly keys: Set<string> | undefined;
  step: string | number;
  isKeyNext: boolean;
}

/** One pass over the text. Of a text that isn't JSON it says something or other, and never throws. */
function scan(text: string, maxDepth: number): Scan {
  const levels: Level[] = [];
  let level: Level | undefined;
  let duplicate: Scan['duplicate'];
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        if (level?.keys !== undefined && level.isKeyNext) {
          level.step = keyOf(text.slice(at, end + 1));
          if (level.keys.has(level.step))
            duplicate ??= { pointer: pointerOf(levels.slice(0, -1)), key: level.step };
          level.keys.add(level.step);
          level.isKeyNext = false;
        }
        at = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const isObject = text.charCodeAt(at) === OPEN_BRACE;
        level = { keys: isObject ? new Set() : undefined, step: 0, isKeyNext: isObject };
        levels.push(level);
        if (levels.length > maxDepth) return { depth: levels.length };
        break;
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        levels.pop();
        level = levels.at(-1);
        break;
      case COMMA:
        if (level?.keys !== undefined) level.isKeyNext = true;
        else if (typeof level?.step === 'number') level.step += 1;
        break;
      default:
    }
  }
  return { depth: levels.length, ...(duplicate && { duplicate }) };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/** The position of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** One key may be written in many ways: `"a"` is `"\u0061"`. */
function keyOf(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

function pointerOf(levels: readonly Level[]): string {
  return levels.reduce((pointer, { step }) => pointerTo(pointer, step), '');
}
