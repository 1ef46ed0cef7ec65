/** What a sandbox keeps a task from, seen as effects; each beside a control without that protection, in which it succeeds. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import { runFolders } from '../../src/warden/run-folders.ts';
import { ATTACKS } from './attacks.ts';
import { openControls, type Controls } from './control.ts';
import { ID_BASE, openInstance, RUN_FOLDER, type Instance } from './instance.ts';
import { processTree, runExecutors, runJob } from './run.ts';
import { until } from '../poll.ts';
import {
  inHostNetwork,
  unchanged,
  withoutSeccomp,
  withoutSysctl,
  withoutUserNamespace,
} from './weakenings.ts';

let instance: Instance;
let controls: Controls;

beforeAll(async () => {
  instance = await openInstance();
  const { handle } = await runJob(instance, { image: 'box:latest', command: ['true'] });
  controls = await openControls(instance.rootfs(handle.executors[0]?.image.digest ?? ''));
});
afterAll(async () => {
  await controls.close();
  expect(await instance.close()).toEqual([]);
});

describe('held, and not without its protection', () => {
  // Not by `each`, which cuts long names.
  for (const { name, image = 'box:latest', command, weaken } of ATTACKS) {
    test(name, async () => {
      const held = await runJob(instance, { image, command });
      expect(held.stdout).not.toContain('succeeded');
      const again = await controls.run(held.spec, unchanged);
      expect(again.stdout).not.toContain('succeeded');
      const weakened = await controls.run(held.spec, weaken);
      expect(weakened.stdout, weakened.stderr).toContain('succeeded');
    });
  }

  test('the listeners of this host, by port and by name', async () => {
    const byPort = await listening(createServer(), { host: '127.0.0.1', port: 0 });
    const name = `bulkhead-test-${process.pid}`;
    const byName = await listening(createServer(), { path: `\0${name}` });
    try {
      const address = byPort.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const code = `
        socket(my $s, 2, 1, 0) or die; socket(my $u, 1, 1, 0) or die; print "port reached\\n" if connect $s, pack "S n C4 x8", 2, ${port}, 127, 0, 0, 1;
        print "name reached\\n" if connect $u, pack("S", 1) . "\\0${name}";`;
      const held = await runJob(instance, { image: 'box:latest', command: ['perl', '-e', code] });
      expect(held).toMatchObject({ exitCode: 0, stdout: '' });
      const weakened = await controls.run(held.spec, inHostNetwork);
      expect(weakened.stdout).toBe('port reached\nname reached\n');
    } finally {
      byPort.close();
      byName.close();
    }
  });

  test('the interfaces of this host: there is only a loopback', async () => {
    const command = ['cat', '/proc/net/dev'];
    const held = await runJob(instance, { image: 'box:latest', command });
    expect(interfaces(held.stdout)).toEqual(['lo']);
    const weakened = await controls.run(held.spec, inHostNetwork);
    expect(interfaces(weakened.stdout)).toEqual(interfaces(await readFile('/proc/net/dev', 'utf8')));
  });

  test('a system call of another architecture ends the program', async () => {
    // getpid of x32
    const held = await runJob(instance, {
      image: 'box:latest',
      command: ['perl', '-e', 'syscall(0x40000027); print "went on"'],
    });
    expect(held).toMatchObject({ exitCode: 159, stdout: '' });
    expect(held.causes).toEqual([expect.stringContaining('SIGSYS')]);
    expect((await controls.run(held.spec, withoutSeccomp)).stdout).toBe('went on');
  });
});

describe('identity', () => {
  test('uid 0 inside is an unprivileged id outside, with no capability at all', async () => {
    const { spec } = await runJob(
      instance,
      { image: 'box:latest', command: ['sleep', '600'] },
      async ({ pid, backend, handle }) => {
        const base = ID_BASE + (handle.slot + 1) * 65_536;
        for (const status of await statuses(pid)) {
          expect(status).toMatchObject({ Uid: ids(base), Gid: ids(base), NoNewPrivs: '1', Seccomp: '2' });
          expect(status).toMatchObject(NO_CAPABILITIES);
        }
        await backend.kill(handle, 'canceled');
      },
    );
    const sleeping = { ...spec, process: { ...spec.process, args: ['cat'] } };
    await controls.run(sleeping, withoutUserNamespace, async (pid) => {
      expect(await statusOf(pid)).toMatchObject({ Uid: ids(0) });
    });
  });

  test('two tasks have no id in common', async () => {
    await runJob(instance, { image: 'box:latest', command: ['sleep', '600'] }, async (first) => {
      await runJob(instance, { image: 'box:latest', command: ['sleep', '600'] }, async (second) => {
        const [one, other] = [await statusOf(first.pid), await statusOf(second.pid)];
        expect(one['Uid']).not.toBe(other['Uid']);
        await second.backend.kill(second.handle, 'canceled');
      });
      await first.backend.kill(first.handle, 'canceled');
    });
  });

  test('root-mapped: what root may do inside stays inside', async () => {
    const script =
      'id -u && touch /tmp/file && chown 5:5 /tmp/file && stat -c %u /tmp/file && perl-setuid -e "print \\$>"';
    const job = { image: 'box:latest', sandbox: { privilege: 'root-mapped' } } as const;
    const { stdout } = await runJob(instance, { ...job, command: ['sh', '-c', script] });
    expect(stdout).toBe('0\n5\n0');
    await runJob(instance, { ...job, command: ['sleep', '600'] }, async ({ pid, backend, handle }) => {
      expect((await statusOf(pid))['Uid']).toBe(ids(ID_BASE + (handle.slot + 1) * 65_536));
      await backend.kill(handle, 'canceled');
    });
  });

  test('ptrace is there for whom the site grants it', async () => {
    const command = ['perl', '-e', 'print "traced" if syscall(101, 0, 0, 0, 0) == 0'];
    const { stdout } = await runJob(instance, {
      image: 'box:latest',
      command,
      sandbox: { compat: ['ptrace'] },
    });
    expect(stdout).toBe('traced');
  });
});

describe('what a task sees', () => {
  test('no process but its own, and no file of another task', async () => {
    const neighbour = {
      image: 'box:latest',
      command: ['sh', '-c', 'echo secret > /shared/secret-of-neighbour; exec sleep 600'],
      volumes: ['/shared'],
    };
    await runJob(instance, neighbour, async ({ backend, handle, attempt, pid }) => {
      await until(async () => (await processTree(pid)).length === 2, { what: 'the neighbour to sleep' });
      const script = 'cat /proc/[0-9]*/comm; find / -name "secret-of*" 2> /dev/null; ls /shared';
      const seen = await runJob(instance, {
        image: 'box:latest',
        command: ['sh', '-c', script],
        volumes: ['/shared'],
      });
      expect(['', '.bulkhead-init', 'cat', 'sh']).toEqual(expect.arrayContaining(seen.stdout.split('\n')));
      await backend.kill(handle, 'canceled');
      await backend.wait(handle, attempt, 0);
    });
    // The search does find what is there.
    const own = await runJob(instance, {
      ...neighbour,
      command: ['sh', '-c', 'touch /shared/secret-of-neighbour; find / -name "secret-of-neighbour*"'],
    });
    expect(own.stdout).toBe('/shared/secret-of-neighbour\n');
  });

  test('no folder of the host in its mounts or behind its descriptors', async () => {
    const script = 'cat /proc/self/mountinfo; ls -l /proc/self/fd; readlink -f /proc/self/cwd';
    const job = {
      image: 'box:latest',
      command: ['sh', '-c', script],
      stdin: '/in/words',
      inputs: [{ path: '/in/words', content: 'words' }],
      volumes: ['/shared'],
    };
    const { stdout, spec } = await runJob(instance, job);
    expect(stdout).toContain(' /shared ');
    expect(stdout).not.toContain(instance.folder);
    expect(
      stdout
        .split('\n')
        .filter((line) => line.includes(' - '))
        .join('\n'),
    ).not.toContain(RUN_FOLDER);
    const plain = await controls.run(spec, unchanged);
    // A folder, as the mount that it is on knows it.
    expect(plain.stdout).toContain(` /${basename(controls.rootfs)} / `);
  });

  test('no device of its image', async () => {
    const command = ['sh', '-c', 'head -c 1 /nodes/zero | wc -c; ls -l /nodes'];
    const held = await runJob(instance, { image: 'box:latest', command });
    expect(held.stdout).toMatch(/^0\n/);
    await promisify(execFile)('/bin/mknod', ['-m', '666', `${controls.rootfs}/nodes/zero`, 'c', '1', '5']);
    expect((await controls.run(held.spec, unchanged)).stdout).toMatch(/^1\n/);
  });
});

test('a device on its disk, wherever it came from, can’t be opened', async () => {
  const script = 'until [ -e /shared/zero ]; do :; done; head -c 1 /shared/zero | wc -c';
  const job = { image: 'box:latest', command: ['sh', '-c', script], volumes: ['/shared'] };
  const held = await runJob(instance, job, async ({ handle }) => {
    const { disks } = runFolders(RUN_FOLDER, instance.folder);
    const path = join(disks, String(handle.slot), 't', 'ws', 'shared', 'zero');
    await promisify(execFile)('/bin/mknod', ['-m', '666', path, 'c', '1', '5']);
  });
  expect(held.stdout).toBe('0\n');
  expect(held.stderr).toContain('Permission denied');
  await promisify(execFile)('/bin/mkdir', [`${controls.rootfs}/shared`]);
  const path = `${controls.rootfs}/shared/zero`;
  await promisify(execFile)('/bin/mknod', ['-m', '666', path, 'c', '1', '5']);
  // On a mount without nodev.
  expect((await controls.run(held.spec, unchanged)).stdout).toBe('1\n');
});

describe('what honest tools need', () => {
  test.each(['box:latest', 'box:user', 'box:anonymous'])(
    '%s writes to its home, /tmp, its streams, its working directory and a volume',
    async (image) => {
      const script = `cd && touch "$HOME/file" /tmp/file /var/tmp/file 2>&1; touch /shared/file &&
        echo to-stdout > /dev/stdout && echo to-stderr > /dev/stderr && echo again >> /dev/stdout`;
      const done = await runJob(instance, {
        image,
        command: ['sh', '-c', script],
        volumes: ['/shared', '/var/tmp'],
      });
      expect(done).toMatchObject({ exitCode: 0, stdout: 'to-stdout\nagain\n', stderr: 'to-stderr\n' });
    },
  );

  test('an image’s user writes to the working directory of the image', async () => {
    const done = await runJob(instance, {
      image: 'box:user',
      command: ['sh', '-c', 'touch here && pwd'],
    });
    expect(done).toMatchObject({ exitCode: 0, stdout: '/home/user\n' });
  });

  test('a uid without an entry in the image’s passwd has a name', async () => {
    const done = await runJob(instance, { image: 'box:anonymous', command: ['sh', '-c', 'id -u; id -un'] });
    expect(done.stdout).toBe('4321\ntask\n');
  });

  test('executors that run as different users share a volume and the inputs, large and small', async () => {
    const [small, large] = [join(instance.files, 'small'), join(instance.files, 'large')];
    await writeFile(small, 'small\n', { mode: 0o640 });
    await writeFile(large, 'L'.repeat(2 ** 20), { mode: 0o640 });
    const script =
      'id -u && cat /shared/* && echo by-$(id -u) >> /shared/log && mv /in/small /in/large /shared && wc -c < /shared/large && mv /shared/small /shared/large /in';
    const images = ['box:latest', 'box:user', 'box:anonymous', 'box:latest'];
    const exits = await runExecutors(
      instance,
      images.map((image) => ({ image, command: ['sh', '-c', script] })),
      {
        volumes: ['/shared'],
        inputs: [
          { path: '/in/small', url: small },
          { path: '/in/large', url: large },
          { path: '/shared/log', content: 'log\n' },
        ],
      },
    );
    expect(exits.map(({ exitCode, stdout, stderr }) => ({ exitCode, stdout, stderr }))).toEqual(
      [
        '0\nlog\n1048576\n',
        '1000\nlog\nby-0\n1048576\n',
        '4321\nlog\nby-0\nby-1000\n1048576\n',
        '0\nlog\nby-0\nby-1000\nby-4321\n1048576\n',
      ].map((stdout) => ({ exitCode: 0, stdout, stderr: '' })),
    );
  });

  test('a task may have files in the root itself', async () => {
    const exits = await runExecutors(
      instance,
      [
        { image: 'box:latest', command: ['sh', '-c', 'cat /words && echo made > /made && rm /words'] },
        {
          image: 'box:user',
          command: ['sh', '-c', 'cat /made && ls /words /etc/passwd'],
          stderr: '/problems',
        },
        { image: 'box:latest', command: ['cat', '/problems'] },
      ],
      { inputs: [{ path: '/words', content: 'words\n' }] },
    );
    expect(exits.map(({ stdout }) => stdout)).toEqual([
      'words\n',
      'made\n/etc/passwd\n',
      'ls: /words: No such file or directory\n',
    ]);
  });

  test('stdin is a copy: what is written through its descriptor reaches neither the input nor its source', async () => {
    const source = join(instance.files, 'stdin');
    await writeFile(source, 'as it was\n', { mode: 0o666 });
    const script = 'chmod 666 /proc/self/fd/0; echo overwritten > /proc/self/fd/0; cat /in/words';
    const done = await runJob(instance, {
      image: 'box:latest',
      command: ['sh', '-c', script],
      stdin: '/in/words',
      inputs: [{ path: '/in/words', url: source }],
    });
    expect(done.stdout).toBe('as it was\n');
    expect(await readFile(source, 'utf8')).toBe('as it was\n');
  });

  test('a user that the image doesn’t have is refused by name', async () => {
    const running = runJob(instance, { image: 'box:ill-named', command: ['true'] });
    await expect(running).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringContaining('nobody-knows'),
    });
  });

  test('localhost resolves, and a port below 1024 can be bound', async () => {
    const script =
      'nc -l -p 80 -e echo through-localhost & until nc localhost 80 < /dev/null; do :; done 2> /dev/null';
    const { stdout, spec } = await runJob(instance, {
      image: 'box:user',
      command: ['timeout', '20', 'sh', '-c', script],
    });
    expect(stdout).toBe('through-localhost\n');
    const bind = [
      'perl',
      '-e',
      'socket(my $s, 2, 1, 0); print bind($s, pack "S n x12", 2, 81) ? "bound" : $!',
    ];
    const binding: RuntimeSpec = { ...spec, process: { ...spec.process, args: bind } };
    expect((await controls.run(binding, unchanged)).stdout).toBe('bound');
    expect((await controls.run(binding, withoutSysctl)).stdout).toBe('Permission denied');
  });
});

const NO_CAPABILITIES = Object.fromEntries(
  ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => [name, '0000000000000000']),
);

/** Real, effective, saved and file system id. */
function ids(id: number): string {
  return Array<number>(4).fill(id).join('\t');
}

async function statuses(pid: number): Promise<Record<string, string>[]> {
  await until(async () => (await processTree(pid)).length === 2, { what: 'the command beside its init' });
  return Promise.all((await processTree(pid)).map(statusOf));
}

async function statusOf(pid: number): Promise<Record<string, string>> {
  const lines = (await readFile(`/proc/${pid}/status`, 'utf8')).split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)));
}

function interfaces(table: string): string[] {
  return [...table.matchAll(/^\s*(\S+):/gm)].map(([, name]) => name ?? '').toSorted();
}

async function listening(
  server: Server,
  where: { host: string; port: number } | { path: string },
): Promise<Server> {
  server.on('connection', (socket) => socket.destroy());
  server.listen(where);
  await once(server, 'listening');
  return server;
}
