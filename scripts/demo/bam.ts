import { gunzipSync } from 'node:zlib';

export interface BamSummary {
  readonly contigs: readonly { readonly name: string; readonly length: number }[];
  /** Reads counted once each: neither secondary nor supplementary alignments. */
  readonly reads: number;
  readonly mappedReads: number;
}

/** The empty block that ends each complete BAM file. Source: SAM specification 1.6, 4.1.2. */
const END = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex');

const UNMAPPED = 0x4;
const SECONDARY_OR_SUPPLEMENTARY = 0x100 | 0x800;

/**
 * Reads a whole BAM file of at most some hundred megabytes. Throws where it is cut off, isn't BAM, or isn't sorted by
 * position. Source: SAM specification 1.6, 4.2.
 */
export function summarizeBam(file: Buffer): BamSummary {
  if (!file.subarray(-END.length).equals(END))
    throw new Error('the BAM file has no end marker: it was cut off');
  const data = gunzipSync(file);
  if (data.toString('latin1', 0, 4) !== 'BAM\u0001') throw new Error("the file isn't BAM");

  let offset = 8 + data.readInt32LE(4);
  const contigs = [];
  const contigCount = data.readInt32LE(offset);
  offset += 4;
  for (let index = 0; index < contigCount; index++) {
    const nameLength = data.readInt32LE(offset);
    const name = data.toString('latin1', offset + 4, offset + 4 + nameLength - 1);
    contigs.push({ name, length: data.readInt32LE(offset + 4 + nameLength) });
    offset += 8 + nameLength;
  }

  let reads = 0;
  let mappedReads = 0;
  let last = -1;
  while (offset < data.length) {
    const contig = data.readInt32LE(offset + 4);
    const position = data.readInt32LE(offset + 8);
    const flags = data.readUInt16LE(offset + 18);
    if ((flags & SECONDARY_OR_SUPPLEMENTARY) === 0) {
      reads++;
      if ((flags & UNMAPPED) === 0) mappedReads++;
    }
    if (contig >= 0) {
      if (position < last) throw new Error(`the BAM file isn't sorted: ${position} after ${last}`);
      last = position;
    }
    offset += 4 + data.readInt32LE(offset);
  }
  return { contigs, reads, mappedReads };
}
