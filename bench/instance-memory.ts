import { readFile } from 'node:fs/promises';
import { scriptOf, tree } from './process-tree.ts';

/** What a server and all that it started hold in memory. Bytes. */
export interface InstanceMemory {
  /** Shared pages counted once, whoever else on the machine has them too. */
  readonly total: number;
  readonly processes: readonly { readonly name: string; readonly residentBytes: number }[];
}

/**
 * Pages of nobody's file by their share in each process; of files, what each part of one has in whichever process has
 * most of it. Pss of files would count a page of Node less for each Node that others run. Source: proc_pid_smaps(5).
 */
export async function instanceMemory(pid: number): Promise<InstanceMemory> {
  const processes: { name: string; residentBytes: number }[] = [];
  const files = new Map<string, number>();
  let anonymous = 0;
  for (const each of await tree(pid)) {
    const maps = await readFile(`/proc/${each}/smaps`, 'utf8').catch(() => '');
    let residentBytes = 0;
    for (const map of maps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).filter((text) => text !== '')) {
      const [, , offset = '', device = '', inode = ''] = map.split(/\s+/, 5);
      const resident = field(map, 'Rss');
      const ofFile = Math.max(0, resident - field(map, 'Anonymous'));
      residentBytes += resident;
      if (inode === '0') anonymous += field(map, 'Pss');
      else {
        anonymous += Math.min(field(map, 'Pss'), resident - ofFile);
        const part = `${device} ${inode} ${offset}`;
        files.set(part, Math.max(files.get(part) ?? 0, ofFile));
      }
    }
    if (maps !== '') processes.push({ name: await scriptOf(each), residentBytes });
  }
  return { total: anonymous + [...files.values()].reduce((sum, bytes) => sum + bytes, 0), processes };
}

function field(map: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(map)?.[1] ?? 0) * 1024;
}
