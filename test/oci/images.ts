import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { busyboxFiles } from '../fixtures/images.ts';
import { writeLayout } from '../fixtures/layouts.ts';
import type { TarEntry } from '../fixtures/tar.ts';

const PERL = '/usr/bin/perl';
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Writes the layout `box` into a folder for `images.layouts`: busybox with perl, which can make any system call,
 * a setuid-root copy of it, a device node, and a file that only its owner may read. `box:latest` runs as root,
 * `box:user` as 1000 in /home/user, `box:anonymous` as a uid without a name, `box:ill-named` as a name that isn't there.
 */
export async function writeBoxLayout(layouts: string): Promise<void> {
  const layers = [await busyboxFiles(), await perlFiles()];
  await writeLayout(join(layouts, 'box'), [
    { names: ['latest'], layers, config: { Env: [PATH] } },
    {
      names: ['user'],
      layers,
      config: { Env: [PATH], User: '1000:1000', WorkingDir: '/home/user' },
    },
    { names: ['anonymous'], layers, config: { Env: [PATH], User: '4321' } },
    { names: ['ill-named'], layers, config: { Env: [PATH], User: 'nobody-knows' } },
  ]);
}

async function perlFiles(): Promise<TarEntry[]> {
  const { stdout } = await promisify(execFile)('/usr/bin/ldd', [PERL]);
  const libraries = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path ?? '');
  const files = [PERL, ...libraries];
  const folders = new Set(files.flatMap((path) => foldersAbove(path)));
  const perl = await readFile(PERL);
  return [
    ...[...folders].map((path): TarEntry => ({ path: `${path.slice(1)}/`, type: 'directory' })),
    ...(await Promise.all(
      files.map(async (path): Promise<TarEntry> => ({
        path: path.slice(1),
        mode: 0o755,
        content: await readFile(path),
      })),
    )),
    { path: 'usr/bin/perl-setuid', mode: 0o4755, content: perl },
    { path: 'etc/private', mode: 0o600, uid: 1000, gid: 1000, content: 'private\n' },
    { path: 'nodes/', type: 'directory' },
    { path: 'nodes/zero', type: 'character', mode: 0o666, device: [1, 5] },
  ];
}

function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}`);
}
