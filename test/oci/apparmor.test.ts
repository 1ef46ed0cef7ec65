/** The second wall, where the kernel has AppArmor: here seldom, in the virtual machine always (`npm run test:hosts`). */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import { openAppArmor } from '../../src/warden/apparmor.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { until } from '../poll.ts';
import { openControls, type Controls } from './control.ts';
import { openInstance, type Instance } from './instance.ts';
import { processTree, runJob } from './run.ts';
import { writeWeakRuntime } from './weak-program.ts';
import { withCapabilities, withoutSeccomp } from './weakenings.ts';
import { WITHOUT_APPARMOR } from './weaknesses.ts';

const PROFILE = 'bulkhead-task';
const { profile, found } = await openAppArmor('auto');

/** By a process that has the capability for it in its own namespaces. Numbers are those of x86_64. */
const ATTACKS = {
  mounted: ['sh', '-c', 'echo began; mount -t tmpfs none /tmp && echo mounted'],
  'raw socket': ['perl', '-e', '$| = 1; print "began\\n"; print "raw socket\\n" if socket(my $s, 2, 3, 1);'],
  'host name': [
    'perl',
    '-e',
    '$| = 1; print "began\\n"; print "host name\\n" if syscall(170, my $n = "other", 5) == 0;',
  ],
} as const;

describe.skipIf(profile !== undefined)('where the kernel has none', () => {
  test('what is the case is told, and nothing counts as missing', async () => {
    const instance = await openInstance();
    expect(instance.warden.abilities).toMatchObject({ appArmor: found, unenforced: [] });
    expect(await instance.close()).toEqual([]);
  });
});

describe.skipIf(profile === undefined)('where the kernel has it', () => {
  let own: TemporaryFolder;
  let instance: Instance;
  let controls: Controls;

  beforeAll(async () => {
    own = await temporaryFolder();
    instance = await openInstance(undefined, await writeWeakRuntime(own));
    const { handle } = await runJob(instance, { image: 'box:latest', command: ['true'] });
    controls = await openControls(instance.rootfs(handle.executors[0]?.image.digest ?? ''));
  });
  afterAll(async () => {
    await controls.close();
    expect(await instance.close()).toEqual([]);
    await own[Symbol.asyncDispose]();
  });

  test('every process of a task is under the profile', async () => {
    const command = ['sh', '-c', 'sleep 600 & sleep 600'];
    await runJob(instance, { image: 'box:latest', command }, async ({ pid, backend, handle }) => {
      await until(async () => (await processTree(pid)).length === 3, { what: 'the task to sleep' });
      const labels = await Promise.all((await processTree(pid)).map(labelOf));
      expect(labels).toEqual(Array(3).fill(`${PROFILE} (enforce)`));
      await backend.kill(handle, 'canceled');
    });
  });

  for (const [what, command] of Object.entries(ATTACKS)) {
    test(`with a capability too many and no system call filter, it holds alone: ${what}`, async () => {
      const { spec, stdout } = await runJob(instance, { image: 'box:latest', command });
      expect(stdout).toBe('began\n');
      const alone = await controls.run(spec, (weaker) => weakened(underProfile(weaker)));
      expect(alone).toMatchObject({ stdout: 'began\n' });
      expect(await controls.run(spec, weakened)).toMatchObject({ stdout: `began\n${what}\n` });
    });
  }

  test('a runtime that forgets the profile is found out as the task begins, and the task is ended', async () => {
    await writeFile(own.at('weakness'), WITHOUT_APPARMOR.name);
    try {
      const running = runJob(instance, { image: 'box:latest', command: ['sleep', '600'] });
      await expect(running).rejects.toMatchObject({
        code: 'evidence',
        message: expect.stringContaining(WITHOUT_APPARMOR.told.join()),
      });
    } finally {
      await writeFile(own.at('weakness'), '');
    }
  });
});

function weakened(spec: RuntimeSpec): object {
  return withoutSeccomp(withCapabilities('CAP_SYS_ADMIN', 'CAP_NET_RAW')(spec));
}

function underProfile(spec: RuntimeSpec): RuntimeSpec {
  return { ...spec, process: { ...spec.process, apparmorProfile: PROFILE } };
}

async function labelOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/attr/current`, 'utf8')).trim();
}
