/** `<length>:<bytes>,` (D. J. Bernstein, 1997): binary-safe fields without an escape. */
export function netstring(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, COMMA]);
}

const COMMA = Buffer.from(',');

/** The digits of the largest length that is ever written. */
const MAX_DIGITS = 16;

/** Takes a stream of netstrings apart, however it is cut. */
export class NetstringReader {
  readonly #maxBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  /** `maxBytes`: longer strings are refused, from a sender that isn't trusted. */
  constructor(maxBytes = Number.MAX_SAFE_INTEGER) {
    this.#maxBytes = maxBytes;
  }

  /** The strings that are complete with these bytes. Throws `RangeError` where what came can't become one. */
  push(bytes: Uint8Array): Buffer[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const { fields, at } = take(this.#rest);
    this.#rest = this.#rest.subarray(at);
    this.#refuseTooLong();
    return fields;
  }

  static split(bytes: Buffer): Buffer[] {
    return take(bytes).fields;
  }

  #refuseTooLong(): void {
    const head = this.#rest.toString('latin1', 0, MAX_DIGITS + 1);
    const [digits = '', ...after] = head.split(':');
    const isLength = /^\d*$/.test(digits) && (after.length > 0 || head.length <= MAX_DIGITS);
    if (!isLength || Number(digits) > this.#maxBytes)
      throw new RangeError(`what came is no netstring of at most ${this.#maxBytes} bytes`);
  }
}

function take(bytes: Buffer): { fields: Buffer[]; at: number } {
  const fields: Buffer[] = [];
  let at = 0;
  for (;;) {
    const colon = bytes.indexOf(':', at);
    if (colon < 0) break;
    const length = Number(bytes.toString('latin1', at, colon));
    if (!Number.isSafeInteger(length) || bytes.length < colon + 1 + length + 1) break;
    fields.push(bytes.subarray(colon + 1, colon + 1 + length));
    at = colon + 1 + length + 1;
  }
  return { fields, at };
}
