import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Inputs {
  /** Gzipped FASTA of the lambda phage, 48,502 bases. */
  readonly reference: string;
  /** Gzipped FASTQ, 10,000 read pairs. */
  readonly reads1: string;
  readonly reads2: string;
}

const PACKAGE = 'bowtie2-examples';
const EXAMPLES = 'usr/share/doc/bowtie2/examples';
const FILES = ['reference/lambda_virus.fa.gz', 'reads/reads_1.fq.gz', 'reads/reads_2.fq.gz'] as const;

/**
 * The reads and the reference of Debian's package bowtie2-examples, in the given folder. The package is unpacked
 * there, not installed: slim machines drop /usr/share/doc when they install.
 */
export async function fetchInputs(folder: string, say: (message: string) => void): Promise<Inputs> {
  const [reference, reads1, reads2] = FILES.map((file) => join(folder, file.slice(file.indexOf('/') + 1)));
  if (reference === undefined || reads1 === undefined || reads2 === undefined)
    throw new TypeError('three files');
  const inputs = { reference, reads1, reads2 };
  if (await allPresent(Object.values(inputs))) return inputs;

  say(`fetching reads and reference: Debian's package ${PACKAGE}, 10 MB, unpacked into ${folder}`);
  await mkdir(folder, { recursive: true });
  const scratch = await mkdtemp(join(folder, '.unpack-'));
  try {
    await downloadPackage(scratch);
    const archive = (await readdir(scratch)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download ${PACKAGE} left no .deb in ${scratch}`);
    await run('dpkg-deb', ['-x', join(scratch, archive), join(scratch, 'tree')]);
    for (const [index, target] of Object.values(inputs).entries()) {
      await cp(join(scratch, 'tree', EXAMPLES, FILES[index] ?? ''), join(scratch, 'file'));
      // By rename, so that an interrupted run leaves no half a file behind.
      await rename(join(scratch, 'file'), target);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return inputs;
}

async function downloadPackage(folder: string): Promise<void> {
  // As root, since apt's own user can't write here; apt says so in a warning otherwise.
  const download = () =>
    run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', PACKAGE], { cwd: folder });
  try {
    await download();
  } catch {
    // No package lists yet, or old ones.
    await run('apt-get', ['update', '-qq']);
    await download();
  }
}

async function allPresent(files: readonly string[]): Promise<boolean> {
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.every((size) => size > 0);
}
