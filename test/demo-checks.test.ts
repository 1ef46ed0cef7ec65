import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { summarizeBam } from '../scripts/demo/bam.ts';
import { findLeftovers } from '../scripts/demo/leftovers.ts';
import { checkAgainstReference, parseVcf } from '../scripts/demo/vcf.ts';

const run = promisify(execFile);

describe('the VCF check of the demo', () => {
  it('accepts variants that agree with the reference', () => {
    expect(() => check(vcf(record(2, 'CG'), record(5, 'A')))).not.toThrow();
  });

  it.each([
    [
      'bases that the reference does not have there',
      vcf(record(2, 'CC')),
      /at 2 the VCF says CC, the reference CG/,
    ],
    ['variants out of order', vcf(record(5, 'A'), record(2, 'C')), /at 2 stands after the one at 5/],
    ['another contig', vcf(record(2, 'C').replace('lambda', 'phi')), /is on phi/],
    ['a record that was cut off', vcf('lambda\t2\t.\tC'), /4 fields instead of 8/],
    ['a file without a header', record(2, 'C'), /does not begin/],
  ])('refuses %s', (_what, text, message) => {
    expect(() => check(text)).toThrow(message);
  });
});

describe('the BAM check of the demo', () => {
  it('counts each read once, and those that are mapped', () => {
    const file = bam(read(1, 0), read(1, 0x800), read(7, 0), read(9, 0x4));
    expect(summarizeBam(file)).toEqual({ contigs: [{ name: 'phi', length: 500 }], reads: 3, mappedReads: 2 });
  });

  it('refuses a file that was cut off, and one that is not sorted', () => {
    expect(() => summarizeBam(bam(read(1, 0)).subarray(0, -1))).toThrow(/cut off/);
    expect(() => summarizeBam(bam(read(7, 0), read(1, 0)))).toThrow(/isn't sorted/);
  });
});

describe('the search for what a server left behind', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bulkhead-leftovers-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('finds a mount and its loop device, and nothing once they are gone', async () => {
    const disk = join(folder, 'disk');
    const mount = join(folder, 'mount');
    await writeFile(disk, '');
    await truncate(disk, 4 * 1024 * 1024);
    await mkdir(mount);
    await run('mke2fs', ['-q', disk]);
    await run('mount', ['-o', 'loop', disk, mount]);
    try {
      expect(await findLeftovers([folder])).toEqual([
        `mount ${mount}`,
        expect.stringMatching(`^loop device /dev/loop.* on ${disk}$`),
      ]);
    } finally {
      await run('umount', ['-d', mount]);
    }
    expect(await findLeftovers([folder])).toEqual([]);
  });

  it('finds a process by its command line', async () => {
    const child = execFile(process.execPath, ['-e', 'setInterval(() => {}, 1000)', folder]);
    try {
      const expected = `process ${child.pid}: ${process.execPath} -e setInterval(() => {}, 1000) ${folder}`;
      await expect.poll(() => findLeftovers([folder])).toEqual([expected]);
    } finally {
      child.kill();
    }
  });
});

const vcf = (...records: string[]) =>
  ['##fileformat=VCFv4.2', '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO', ...records, ''].join('\n');
const record = (position: number, ref: string) => `lambda\t${position}\t.\t${ref}\tT\t99.5\t.\t.`;
const check = (text: string) => checkAgainstReference(parseVcf(text), 'lambda', 'ACGTACGT');

const END = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex');
const int = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const read = (position: number, flags: number) => {
  const bytes = Buffer.alloc(32);
  bytes.writeInt32LE(0, 0);
  bytes.writeInt32LE(position, 4);
  bytes.writeUInt16LE(flags, 14);
  return Buffer.concat([int(bytes.length), bytes]);
};
const bam = (...reads: Buffer[]) => {
  const header = Buffer.concat([
    Buffer.from('BAM\u0001'),
    int(3),
    Buffer.from('@HD'),
    int(1),
    int(4),
    Buffer.from('phi\0'),
    int(500),
  ]);
  return Buffer.concat([gzipSync(Buffer.concat([header, ...reads])), END]);
};
