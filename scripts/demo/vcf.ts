/** A single-record view of a variant call file, as far as it can be checked against the reference. */
export interface Variant {
  readonly contig: string;
  /** From 1. */
  readonly position: number;
  readonly ref: string;
  readonly alt: string;
  readonly quality: number;
}

/** Parses a VCF 4 file; throws where the header or a record isn't what VCF 4.2 says. */
export function parseVcf(text: string): Variant[] {
  const lines = text.split('\n').filter((line) => line !== '');
  if (!lines[0]?.startsWith('##fileformat=VCFv4'))
    throw new Error('the VCF does not begin with ##fileformat=VCFv4');
  const columns = lines.find((line) => line.startsWith('#CHROM\t'))?.split('\t');
  if (columns === undefined) throw new Error('the VCF has no #CHROM line');
  return lines.filter((line) => !line.startsWith('#')).map((line) => parseRecord(line, columns.length));
}

function parseRecord(line: string, columns: number): Variant {
  const fields = line.split('\t');
  const [contig, position, , ref, alt, quality] = fields;
  if (fields.length !== columns || contig === undefined || ref === undefined || alt === undefined) {
    throw new Error(`a VCF record has ${fields.length} fields instead of ${columns}: ${line}`);
  }
  const variant = { contig, position: Number(position), ref, alt, quality: Number(quality) };
  if (!Number.isInteger(variant.position) || !Number.isFinite(variant.quality) || !/^[ACGTN]+$/.test(ref)) {
    throw new Error(`a VCF record doesn't parse: ${line}`);
  }
  return variant;
}

/** Throws at the first variant whose REF isn't what the reference has there, or that isn't in order. */
export function checkAgainstReference(variants: readonly Variant[], contig: string, sequence: string): void {
  let last = 0;
  for (const { contig: name, position, ref } of variants) {
    if (name !== contig) throw new Error(`a variant is on ${name}; the reference is ${contig}`);
    const bases = sequence.slice(position - 1, position - 1 + ref.length);
    if (bases !== ref) throw new Error(`at ${position} the VCF says ${ref}, the reference ${bases}`);
    if (position < last) throw new Error(`the variant at ${position} stands after the one at ${last}`);
    last = position;
  }
}
