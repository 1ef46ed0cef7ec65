import { BulkheadError } from '../errors.ts';

/** One 512-byte header of a tar archive, as far as the filter needs it. */
export interface TarHeader {
  readonly type: string;
  readonly name: string;
  readonly linkName: string;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
}

export const BLOCK = 512;

/** Throws `image-invalid` where the checksum or a number doesn't hold. Source: POSIX.1-2017, pax, "ustar Interchange Format". */
export function parseHeader(block: Buffer): TarHeader {
  if (readNumber(block, 148, 8, 'checksum') !== checksumOf(block))
    throw tarError('a header has a wrong checksum');
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? readText(block, 345, 155) : '';
  const name = readText(block, 0, 100);
  return {
    type: String.fromCharCode(block[156] ?? 0),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: readText(block, 157, 100),
    uid: readNumber(block, 108, 8, 'uid'),
    gid: readNumber(block, 116, 8, 'gid'),
    sizeBytes: readNumber(block, 124, 12, 'size'),
  };
}

/** The same header with another size. */
export function withSize(block: Buffer, sizeBytes: number): Buffer {
  const changed = Buffer.from(block);
  changed.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  changed.write(`${checksumOf(changed).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return changed;
}

export function isZeroBlock(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** Bytes that follow `sizeBytes` of content up to the next header. */
export function paddingOf(sizeBytes: number): number {
  return (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
}

export function tarError(problem: string): BulkheadError {
  return new BulkheadError(
    'image-invalid',
    `A layer isn't a tar archive that can be unpacked safely: ${problem}.`,
  );
}

/** The sum of all bytes, with the checksum's own eight taken as spaces. */
function checksumOf(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < BLOCK; index += 1) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum;
}

/** Octal digits, or, with the top bit set, a base-256 number as GNU tar writes large ones. */
function readNumber(block: Buffer, offset: number, length: number, what: string): number {
  const field = block.subarray(offset, offset + length);
  const top = field[0] ?? 0;
  if ((top & 0x80) !== 0) return readBase256(field, what);
  const digits = field.toString('latin1').replaceAll('\0', ' ').trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw tarError(`a header's ${what} isn't a number`);
  return Number.parseInt(digits, 8);
}

function readBase256(field: Buffer, what: string): number {
  if ((field[0] ?? 0) !== 0x80) throw tarError(`a header's ${what} is negative or far too large`);
  const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  if (!Number.isSafeInteger(value)) throw tarError(`a header's ${what} is far too large`);
  return value;
}

function readText(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}
