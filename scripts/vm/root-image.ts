import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpio } from './cpio.ts';
import { program } from './program.ts';

export interface RootImage {
  readonly kernel: string;
  readonly initrd: string;
  /** A raw ext4 file system; not to be written to. */
  readonly disk: string;
}

const GUEST = join(import.meta.dirname, 'guest');
const SUITE = 'bookworm';
const KERNEL = 'linux-image-cloud-amd64';
const PACKAGES = [
  'apparmor',
  'busybox-static',
  'catatonit',
  'conmon',
  'crun',
  'dbus',
  'dbus-user-session',
  'e2fsprogs',
  'iproute2',
  'kmod',
  'libpam-systemd',
  'libstdc++6',
  'mount',
  'perl-base',
  'procps',
  'runc',
  'skopeo',
  'systemd',
  'systemd-sysv',
  'udev',
  'uidmap',
  'umoci',
  'util-linux',
];
/** What the root file system is found by. */
const DISK_MODULES = ['virtio_pci', 'virtio_blk'];
const DISK_SIZE = '6G';
const BUILD_MS = 10 * 60_000;

/**
 * Debian 12 with systemd, pure cgroup v2 and what Bulkhead needs, installed by Debian's own scripts; needs root, and
 * mmdebstrap. Kept below `folder` by what went into it; the folder of an image is complete or absent.
 */
export async function rootImage(folder: string, progress: (message: string) => void): Promise<RootImage> {
  const home = join(folder, `root-${await key()}`);
  const image = { kernel: join(home, 'vmlinuz'), initrd: join(home, 'initrd'), disk: join(home, 'root.img') };
  if (await exists(home)) return image;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, '.build-'));
  try {
    progress(`building a virtual machine of Debian ${SUITE} from packages (once; takes a minute)`);
    await build(work);
    await rename(join(work, 'made'), home).catch(async (error: unknown) => {
      // Somebody else built the same meanwhile.
      if (!(await exists(home))) throw error;
    });
    return image;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Equal for builds that would give the same image, but for updates in Debian's release. */
async function key(): Promise<string> {
  const hash = createHash('sha256').update(
    JSON.stringify([SUITE, KERNEL, PACKAGES, DISK_MODULES, DISK_SIZE]),
  );
  for (const name of (await readdir(GUEST)).toSorted()) hash.update(await readFile(join(GUEST, name)));
  return hash.digest('hex').slice(0, 16);
}

async function build(work: string): Promise<void> {
  const root = join(work, 'root');
  const made = join(work, 'made');
  await mkdir(made);
  await program(
    'mmdebstrap',
    [
      '--variant=essential',
      '--mode=root',
      '--architectures=amd64',
      `--include=${PACKAGES.join(',')}`,
      '--aptopt=Acquire::Languages "none"',
      ...['doc', 'man', 'info', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      `--customize-hook=${join(GUEST, 'image-hook')}`,
      SUITE,
      root,
    ],
    { timeoutMs: BUILD_MS, env: { GUEST, KERNEL } },
  );
  const [release] = await readdir(join(root, 'usr/lib/modules'));
  if (release === undefined) throw new Error(`${KERNEL} brought no modules`);
  await rename(join(root, 'boot', `vmlinuz-${release}`), join(made, 'vmlinuz'));
  await writeFile(join(made, 'initrd'), await initrd(root, release));
  await program(
    'mke2fs',
    [
      '-q',
      '-t',
      'ext4',
      '-O',
      '^has_journal',
      '-E',
      'nodiscard',
      '-d',
      root,
      join(made, 'root.img'),
      DISK_SIZE,
    ],
    { timeoutMs: BUILD_MS },
  );
}

async function initrd(root: string, release: string): Promise<Buffer> {
  const folder = join(root, 'usr/lib/modules', release);
  const paths = modulesInOrder(await readFile(join(folder, 'modules.dep'), 'utf8'));
  const modules = paths.map(async (path, at) => ({
    path: `modules/${String(at).padStart(2, '0')}`,
    content: await readFile(join(folder, path)),
  }));
  return cpio([
    ...['bin', 'dev', 'modules', 'root'].map((path) => ({ path })),
    { path: 'bin/busybox', content: await readFile(join(root, 'bin/busybox')) },
    { path: 'init', content: await readFile(join(GUEST, 'init')) },
    ...(await Promise.all(modules)),
  ]);
}

/** Each after what it depends on, which modules.dep(5) lists the other way round. */
function modulesInOrder(dependencies: string): string[] {
  const paths = DISK_MODULES.flatMap((name) => {
    const line = dependencies.split('\n').find((each) => each.split(':')[0]?.endsWith(`/${name}.ko`));
    if (line === undefined) throw new Error(`the kernel has no module ${name}`);
    return line.replace(':', '').trim().split(' ').toReversed();
  });
  return [...new Set(paths)];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
