import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { summarizeBam } from './bam.ts';
import type { Inputs } from './inputs.ts';
import { checkAgainstReference, parseVcf } from './vcf.ts';

/** More of the reads than this are mapped, and at least so many variants are called, by any recent bwa and bcftools. */
const MAPPED_FLOOR = 0.9;
const VARIANT_FLOOR = 50;

/** Holds the results to what went in, by reading the files themselves. Returns what was found; throws where it's wrong. */
export async function checkResults(inputs: Inputs, results: string): Promise<string[]> {
  const reference = parseFasta(gunzipSync(await readFile(inputs.reference)).toString());
  const bam = summarizeBam(await readFile(join(results, 'lambda.bam')));
  const [contig] = bam.contigs;
  if (contig?.name !== reference.name || contig.length !== reference.sequence.length) {
    throw new Error(`the BAM file is about ${contig?.name} (${contig?.length}), not ${reference.name}`);
  }
  const readCount = (await countReads(inputs.reads1)) + (await countReads(inputs.reads2));
  if (bam.reads !== readCount) throw new Error(`the BAM file has ${bam.reads} reads, the input ${readCount}`);
  const mapped = bam.mappedReads / bam.reads;
  if (mapped < MAPPED_FLOOR) throw new Error(`only ${percent(mapped)} of the reads are mapped`);
  const flagstat = await readFile(join(results, 'flagstat.txt'), 'utf8');
  if (!flagstat.includes(`${bam.mappedReads} + 0 primary mapped`)) {
    throw new Error(`flagstat.txt doesn't say that ${bam.mappedReads} reads are mapped: ${flagstat}`);
  }
  const bai = await readFile(join(results, 'lambda.bam.bai'));
  if (bai.toString('latin1', 0, 4) !== 'BAI\u0001') throw new Error("lambda.bam.bai isn't an index");

  const variants = parseVcf(await readFile(join(results, 'lambda.vcf'), 'utf8'));
  if (variants.length < VARIANT_FLOOR) throw new Error(`only ${variants.length} variants were called`);
  checkAgainstReference(variants, reference.name, reference.sequence);

  return [
    `lambda.bam: all ${bam.reads} reads, ${percent(mapped)} mapped to ${contig.name}, sorted, complete`,
    `lambda.vcf: ${variants.length} variants, each with the bases that the reference has there`,
  ];
}

function parseFasta(text: string): { name: string; sequence: string } {
  const [header = '', ...lines] = text.split('\n');
  return { name: header.slice(1).split(' ')[0] ?? '', sequence: lines.join('').toUpperCase() };
}

async function countReads(fastq: string): Promise<number> {
  const lines = gunzipSync(await readFile(fastq))
    .toString()
    .trimEnd()
    .split('\n');
  return lines.length / 4;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
