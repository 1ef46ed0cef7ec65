/** A real `bulkhead serve`, looked at from outside: which of its processes is what. */
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { startServer } from '../fixtures/server.ts';

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'utf8');

it('what speaks HTTP has no privilege, no file of the warden’s, and its own view of the host', async () => {
  const server = await startServer();
  try {
    const children = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const [program = 0, ...others] = children.filter((pid) => {
      try {
        const [command = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const isOurs = words.some(
          (word) => word.startsWith(`/run/bulkhead/`) && word.endsWith('/warden/socket'),
        );
        // Its sockets stand below this instance's folder: of several servers, the one that sees this data folder.
        return isOurs && command.endsWith('node') && mounts(pid).includes(` ${server.folder}/data `);
      } catch {
        return false;
      }
    });
    expect(others).toEqual([]);
    expect(program).toBeGreaterThan(0);
    const status = statusOf(program);
    expect(status).toMatch(/^Uid:\t(\d+)\t\1\t\1\t\1$/m);
    expect(status).not.toMatch(/^Uid:\t0\t/m);
    expect(status).toMatch(/^Groups:\t\s*$/m);
    expect(status.match(/^Cap\w+:\t0{16}$/gm)).toHaveLength(5);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    for (const namespace of ['mnt', 'pid', 'ipc'])
      expect(readlinkSync(`/proc/${program}/ns/${namespace}`)).not.toBe(
        readlinkSync(`/proc/${server.pid}/ns/${namespace}`),
      );
    expect(mounts(program)).not.toContain(`${server.folder}/files`);
    const open = (await readdir(`/proc/${program}/fd`)).map((fd) => {
      try {
        return readlinkSync(`/proc/${program}/fd/${fd}`);
      } catch {
        return '';
      }
    });
    expect(open.filter((path) => path.includes('server.lock') || path.includes('/disks/'))).toEqual([]);
    // Control: the warden has what it gave up.
    expect(statusOf(server.pid)).toMatch(/^Uid:\t0\t/m);
    expect(statusOf(server.pid)).not.toMatch(/^CapEff:\t0{16}$/m);
  } finally {
    await server.stop();
  }
});

function mounts(pid: number): string {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
}
