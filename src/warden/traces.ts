import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Mounts below a folder, the last made first. Source: proc_pid_mountinfo(5). */
export async function ownMounts(folder: string): Promise<{ target: string; source: string }[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines
    .flatMap((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const target = unescaped(before.split(' ')[4] ?? '');
      return target.startsWith(`${folder}/`)
        ? [{ target, source: unescaped(after.split(' ')[1] ?? '') }]
        : [];
    })
    .toReversed();
}

/** Loop devices whose file stands in a folder, by losetup(8). */
export async function ownLoopDevices(folder: string): Promise<{ device: string; file: string }[]> {
  const { stdout } = await promisify(execFile)('/sbin/losetup', [
    '--list',
    '--noheadings',
    '--raw',
    '--output',
    'NAME,BACK-FILE',
  ]);
  return stdout.split('\n').flatMap((line) => {
    const [device = '', file = ''] = line.trim().split(' ');
    return file.startsWith(`${folder}/`) ? [{ device, file }] : [];
  });
}

/** Spaces and the like are octal in mountinfo. */
export function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 8)));
}
