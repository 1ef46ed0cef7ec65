import { pathToFileURL } from 'node:url';
import type { TesTaskDocument } from '../../src/tes/task.ts';
import type { Inputs } from './inputs.ts';

export const IMAGE = { name: 'bio', tag: 'latest' } as const;
export const PACKAGES = ['bwa', 'samtools', 'bcftools'] as const;

/** What each executor does, in the order of `executors`: for people. */
export const STEPS = [
  'unpack the reference',
  'index the reference',
  'align the reads',
  'sort the alignments',
  'index the alignments',
  'count the alignments',
  'pile up the bases',
  'call the variants',
] as const;

/** The main job: from reads and a reference to variants, in eight steps that share a volume. */
export function lambdaTask(inputs: Inputs, results: string): TesTaskDocument {
  return {
    name: 'lambda-variants',
    description: 'Aligns lambda phage reads with bwa, sorts them with samtools, calls variants with bcftools',
    inputs: [
      input('reference', inputs.reference, '/data/lambda.fa.gz'),
      input('reads 1', inputs.reads1, '/data/reads_1.fq.gz'),
      input('reads 2', inputs.reads2, '/data/reads_2.fq.gz'),
    ],
    outputs: [
      {
        name: 'alignments and variants',
        path: '/results/lambda.*',
        path_prefix: '/results',
        url: pathToFileURL(results).href,
        type: 'FILE',
      },
      {
        name: 'statistics',
        path: '/results/flagstat.txt',
        url: pathToFileURL(`${results}/flagstat.txt`).href,
        type: 'FILE',
      },
    ],
    volumes: ['/work'],
    resources: { cpu_cores: 2, ram_gb: 1, disk_gb: 1 },
    executors: [
      executor(['gzip', '-dc', '/data/lambda.fa.gz'], { stdout: '/work/lambda.fa' }),
      executor(['bwa', 'index', '/work/lambda.fa']),
      executor([
        'bwa',
        'mem',
        '-t',
        '2',
        '-o',
        '/work/lambda.sam',
        '/work/lambda.fa',
        '/data/reads_1.fq.gz',
        '/data/reads_2.fq.gz',
      ]),
      executor(['samtools', 'sort', '-o', '/results/lambda.bam', '/work/lambda.sam']),
      executor(['samtools', 'index', '/results/lambda.bam']),
      executor(['samtools', 'flagstat', '/results/lambda.bam'], { stdout: '/results/flagstat.txt' }),
      executor([
        'bcftools',
        'mpileup',
        '-f',
        '/work/lambda.fa',
        '-Ou',
        '-o',
        '/work/lambda.bcf',
        '/results/lambda.bam',
      ]),
      executor(['bcftools', 'call', '-mv', '-Ov', '-o', '/results/lambda.vcf'], {
        stdin: '/work/lambda.bcf',
      }),
    ],
    tags: { project: 'bulkhead-demo' },
  };
}

export function imageName(): string {
  return `${IMAGE.name}:${IMAGE.tag}`;
}

function executor(command: string[], streams: { stdin?: string; stdout?: string } = {}) {
  return { image: imageName(), command, workdir: '/work', ...streams };
}

function input(name: string, file: string, path: string) {
  return { name, url: pathToFileURL(file).href, path, type: 'FILE' as const };
}
