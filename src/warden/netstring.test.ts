import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NetstringReader, netstring } from './netstring.ts';

describe('netstrings', () => {
  it('come back as they were, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.array(fc.nat(20)), (values, cuts) => {
        const bytes = Buffer.concat(values.map(netstring));
        const reader = new NetstringReader();
        const read: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          read.push(...reader.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        expect(read.map((value) => [...value])).toEqual(values.map((value) => [...value]));
      }),
    );
  });

  it('of a mebibyte are taken byte by byte as well, in a moment', () => {
    const reader = new NetstringReader();
    const bytes = netstring(Buffer.alloc(2 ** 20, 'x'));
    let read: Buffer[] = [];
    // Copied anew for each, they would be half a terabyte.
    for (const byte of bytes) read = reader.push(Uint8Array.of(byte));
    expect(read.map(({ length }) => length)).toEqual([2 ** 20]);
    expect(reader.heldBytes).toBe(0);
  });

  it.each(['x', '-1:', '1e1:aaaaaaaaaa,', '0x2:ab,', ' 2:ab,', '2:abc', ':', '00000000000000001:a', '9:'])(
    '%j is none, of at most eight bytes',
    (text) => {
      expect(() => new NetstringReader(8).push(Buffer.from(text))).toThrow(RangeError);
    },
  );

  it('are told the first of, whatever follows', () => {
    expect(NetstringReader.first(Buffer.from('2:ab,F\0\0'))?.toString()).toBe('ab');
    expect(NetstringReader.first(Buffer.from('2:ab'))).toBeUndefined();
  });
});
