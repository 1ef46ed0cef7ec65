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
});
