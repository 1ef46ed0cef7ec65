/** `<length>:<bytes>,` (D. J. Bernstein, 1997): binary-safe fields without an escape. */
export function netstring(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, COMMA]);
}

const COMMA = Buffer.from(',');
const COMMA_BYTE = 0x2c;

/** The digits of the largest length that is ever written. */
const MAX_DIGITS = 16;
const LENGTH = /^\d{1,16}$/;

/**
 * Takes a stream of netstrings apart, however it is cut: in time that grows with its bytes alone.
 */
export class NetstringReader {
  readonly #maxBytes: number;
  /** Its first `#held` bytes have come. */
  #buffer: Buffer = Buffer.alloc(0);
  #held = 0;
  /** With fewer bytes than these, no string is complete. */
  #needed = 0;

  /** `maxBytes`: longer strings are refused, from a sender that isn't trusted. */
  constructor(maxBytes = Number.MAX_SAFE_INTEGER) {
    this.#maxBytes = maxBytes;
  }

  /** What the string takes that isn't complete, once all of it has come. */
  get heldBytes(): number {
    return Math.max(this.#held, this.#needed);
  }

  /** The strings that are complete with these bytes. Throws `RangeError` where what came can't become one. */
  push(bytes: Uint8Array): Buffer[] {
    this.#hold(bytes);
    if (this.#held < this.#needed) return [];
    const held = this.#buffer.subarray(0, this.#held);
    const { fields, at, needed } = take(held, this.#maxBytes);
    if (at > 0) {
      // A copy, as the strings that were given away lie in the same memory.
      this.#buffer = Buffer.from(held.subarray(at));
      this.#held -= at;
    }
    this.#needed = needed;
    return fields;
  }

  static split(bytes: Buffer): Buffer[] {
    return take(bytes, Number.MAX_SAFE_INTEGER).fields;
  }

  /** The first string, whatever comes after it; undefined where it isn't complete. */
  static first(bytes: Buffer): Buffer | undefined {
    return take(bytes, Number.MAX_SAFE_INTEGER, 1).fields[0];
  }

  /** Room is made for all of a string once its length is known, so that many small pieces are copied no oftener than few large ones. */
  #hold(bytes: Uint8Array): void {
    const needed = this.#held + bytes.length;
    if (this.#buffer.length < needed) {
      const room = Buffer.allocUnsafe(Math.max(needed, this.#needed));
      this.#buffer.copy(room, 0, 0, this.#held);
      this.#buffer = room;
    }
    this.#buffer.set(bytes, this.#held);
    this.#held = needed;
  }
}

/** `at`: where the first string begins that isn't complete, of which `needed` bytes must be there to look again. */
function take(
  bytes: Buffer,
  maxBytes: number,
  maxCount = Infinity,
): { fields: Buffer[]; at: number; needed: number } {
  const fields: Buffer[] = [];
  let at = 0;
  while (fields.length < maxCount) {
    const head = bytes.subarray(at, at + MAX_DIGITS + 1);
    const colon = head.indexOf(':');
    if (colon < 0) {
      if (head.length > MAX_DIGITS || (head.length > 0 && !LENGTH.test(head.toString('latin1'))))
        throw notOne(maxBytes);
      return { fields, at, needed: 0 };
    }
    const digits = head.toString('latin1', 0, colon);
    const length = Number(digits);
    if (!LENGTH.test(digits) || length > maxBytes) throw notOne(maxBytes);
    const start = at + colon + 1;
    const end = start + length;
    if (bytes.length <= end) return { fields, at, needed: end + 1 - at };
    if (bytes[end] !== COMMA_BYTE) throw notOne(maxBytes);
    fields.push(bytes.subarray(start, end));
    at = end + 1;
  }
  return { fields, at, needed: 0 };
}

function notOne(maxBytes: number): RangeError {
  return new RangeError(`what came is no netstring of at most ${maxBytes} bytes`);
}
