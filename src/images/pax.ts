import { tarError } from './tar-header.ts';

/** One record of a pax extended header; the value stays bytes, since extended attributes are binary. */
export interface PaxRecord {
  readonly key: string;
  readonly value: Buffer;
}

/** Source: POSIX.1-2017, pax, "pax Extended Header": `LENGTH KEY=VALUE\n`, LENGTH counting itself. Throws `image-invalid`. */
export function parsePax(body: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let start = 0; start < body.length;) {
    const space = body.indexOf(0x20, start);
    const digits = space === -1 ? '' : body.toString('latin1', start, space);
    const end = start + Number(digits);
    const equals = body.indexOf(0x3d, space);
    const isSound =
      /^[1-9][0-9]{0,8}$/.test(digits) &&
      end <= body.length &&
      equals > space &&
      equals < end &&
      body[end - 1] === 0x0a;
    if (!isSound) throw tarError('an extended header is malformed');
    records.push({
      key: body.toString('utf8', space + 1, equals),
      value: body.subarray(equals + 1, end - 1),
    });
    start = end;
  }
  return records;
}

export function formatPax(records: readonly PaxRecord[]): Buffer {
  return Buffer.concat(records.map(formatRecord));
}

/** A number that overrides a field of the header, such as `size`. */
export function paxNumber(records: readonly PaxRecord[], key: string): number | undefined {
  const text = paxText(records, key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(value))
    throw tarError(`an extended header's ${key} isn't a number`);
  return value;
}

/** The last record of a key wins. */
export function paxText(records: readonly PaxRecord[], key: string): string | undefined {
  return records.findLast((record) => record.key === key)?.value.toString('utf8');
}

function formatRecord({ key, value }: PaxRecord): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'utf8'), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length), 'latin1'), rest]);
}
