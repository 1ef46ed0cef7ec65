import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

import { buildDebianLayout } from '../scripts/image-layout.ts';
import { debianLayout } from './fixtures/images.ts';
import { acquire, newProvider, temporaryFolder } from './fixtures/provider.ts';

it('an image of Debian packages has them, a shell, users and a package database', async () => {
  await using folder = await temporaryFolder();
  const layouts = await debianLayout('python', ['python3-minimal']);
  const { rootfs } = await acquire(await newProvider(folder.path, { layouts: [layouts] }), 'python');
  const script =
    'python3 -c "print(6*7)"; echo a b | awk "{print \\$2}"; id -un; sh -c "ls /bin/bash"; echo x | gzip -c | gzip -dc';
  expect((await promisify(execFile)('chroot', [rootfs, '/bin/bash', '-ec', script])).stdout).toBe(
    '42\nb\nroot\n/bin/bash\nx\n',
  );
  expect(await readFile(join(rootfs, 'var/lib/dpkg/status'), 'utf8')).toMatch(
    /^Package: python3-minimal\nStatus: install ok unpacked\n/m,
  );
});

it('an equal one is not built again, and a failed build leaves nothing', async () => {
  const layouts = await debianLayout('python', ['python3-minimal']);
  const again = await buildDebianLayout({
    folder: layouts,
    name: 'python',
    tag: 'latest',
    packages: ['python3-minimal'],
    progress: () => {},
  });
  expect(again).toMatchObject({ cached: true, layout: join(layouts, 'python') });

  await using folder = await temporaryFolder();
  const failing = buildDebianLayout({
    folder: folder.path,
    name: 'none',
    tag: 'latest',
    packages: ['no-such-package-at-all'],
    progress: () => {},
  });
  await expect(failing).rejects.toThrow(/mmdebstrap ended with \d+:[^]*no-such-package-at-all/);
  expect(await readdir(folder.path)).toEqual([]);
});
