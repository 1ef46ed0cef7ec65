/** `<length>:<bytes>,` (D. J. Bernstein, 1997): binary-safe fields without an escape. */
export function netstring(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, COMMA]);
}

const COMMA = Buffer.from(',');

/** Takes a stream of netstrings apart, however it is cut. */
export class NetstringReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The strings that are complete with these bytes. */
  push(bytes: Uint8Array): Buffer[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const { fields, at } = take(this.#rest);
    this.#rest = this.#rest.subarray(at);
    return fields;
  }

  static split(bytes: Buffer): Buffer[] {
    return take(bytes).fields;
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
