import { unescaped } from '../traces.ts';

/** One line of /proc/PID/mountinfo. */
export interface Mount {
  /** `MAJOR:MINOR` of the file system. */
  readonly device: string;
  /** The folder or file of that file system that is shown. */
  readonly root: string;
  /** As the process sees it. */
  readonly target: string;
  readonly options: readonly string[];
  readonly type: string;
}

/** In the order in which they were made; a later one may hide an earlier. Pure. Source: proc_pid_mountinfo(5). */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device, root, target, options] = before.split(' ');
    const [type] = after.split(' ');
    if (device === undefined || root === undefined || target === undefined || type === undefined) return [];
    return [
      { device, root: unescaped(root), target: unescaped(target), options: (options ?? '').split(','), type },
    ];
  });
}

/** Such as `ext4 rw nodev nosuid`. */
export function described({ type, options }: Mount): string {
  return [type, ...['ro', 'rw', 'nodev', 'nosuid'].filter((option) => options.includes(option))].join(' ');
}

/** A device number of stat(2) as mountinfo writes it. Source: gnu_dev_major of the C library. */
export function deviceName(dev: number): string {
  const number = BigInt(dev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
