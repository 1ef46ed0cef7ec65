/**
 * What a task that failed for want of a permission is told, and that the parameter which it is told of grants it; beside
 * each, that nothing is told where the sandbox has no part in it.
 */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesExecutor, TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { writeBoxLayout } from '../oci/images.ts';

let server: TestServer;
let boxes: TemporaryFolder;

beforeAll(async () => {
  boxes = await temporaryFolder();
  await writeBoxLayout(boxes.path);
  server = await startServer({
    images: { layouts: [await busyboxLayout(), boxes.path] },
    policy: {
      defaults: { profile: 'standard', disk_gb: 0.125, ram_gb: 0.25, cpu_cores: 0.5 },
      ceilings: { privilege: 'root-mapped', compat: ['ptrace'] },
    },
    limits: { stdio_text: '4KiB' },
  });
});
afterAll(async () => {
  await server.stop();
  await boxes[Symbol.asyncDispose]();
});

type Parameters = Readonly<Record<string, string>>;

async function run(
  command: readonly string[],
  parameters: Parameters = {},
  { image = 'box:latest', ...rest }: Partial<TesTaskDocument> & { image?: string } = {},
): Promise<TesTask> {
  const executors: TesExecutor[] = [{ image, command: [...command] }];
  return server.run({ executors, resources: { backend_parameters: parameters }, ...rest });
}

function hintsOf(task: TesTask): string[] {
  return (task.logs?.[0]?.system_logs ?? []).filter((line) => line.includes('hint: '));
}

/** PTRACE_TRACEME, number 101 on x86_64. */
const TRACE = 'syscall(101, 0, 0, 0, 0) == 0 or die "ptrace: $!\\n"';

describe('a task that fails for want of a permission is told what would grant it, and it does', () => {
  it.each<[name: string, command: readonly string[], asked: Parameters, hint: RegExp, granting: Parameters]>([
    [
      'a chown',
      ['sh', '-c', 'touch /x && chown 7:7 /x'],
      {},
      /^executor 0: hint: stderr says "chown: \/x: Operation not permitted": .*sandbox_privilege=root-mapped/,
      { sandbox_privilege: 'root-mapped' },
    ],
    [
      'a write to a read-only root',
      ['touch', '/x'],
      { sandbox_rootfs: 'readonly' },
      /"touch: \/x: Read-only file system": .*sandbox_rootfs=ephemeral/,
      { sandbox_rootfs: 'ephemeral' },
    ],
    [
      'a system call that the filter refuses',
      ['perl', '-e', TRACE],
      {},
      /"ptrace: Function not implemented": .*sandbox_compat=ptrace/,
      { sandbox_compat: 'ptrace' },
    ],
    [
      'a file of the image’s root, for who must not be root',
      ['sh', '-c', 'ls /root > /dev/null'],
      { sandbox_privilege: 'nonroot' },
      /'\/root': Permission denied": .*uid 65532 .*sandbox_privilege=root-capless/,
      {},
    ],
  ])('%s', async (_name, command, asked, hint, granting) => {
    const refused = await run(command, asked);
    expect(refused.state).toBe('EXECUTOR_ERROR');
    expect(hintsOf(refused)).toEqual([expect.stringMatching(hint)]);
    const granted = await run(command, granting);
    expect(granted).toMatchObject({ state: 'COMPLETE' });
    expect(hintsOf(granted)).toEqual([]);
  });

  it('an input that its user may not read', async () => {
    const inputs = [{ content: 'x\n', path: '/in/x' }];
    const command = ['sh', '-c', 'chmod 0 /in/x; cat /in/x'];
    const refused = await run(command, {}, { inputs });
    expect(refused.state).toBe('EXECUTOR_ERROR');
    expect(hintsOf(refused)).toEqual([
      expect.stringMatching(/the input \/in\/x has a mode .*sandbox_privilege=root-mapped/),
    ]);
    const granted = await run(command, { sandbox_privilege: 'root-mapped' }, { inputs });
    expect(granted).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [{ stdout: 'x\n' }] }] });
  });

  it('an input that can’t be read where it comes from', async () => {
    const source = join(server.files, 'private');
    await writeFile(source, 'x\n');
    await chmod(source, 0o004);
    const refused = await run(['cat', '/in/x'], {}, { inputs: [{ url: source, path: '/in/x' }] });
    expect(refused.state).toBe('SYSTEM_ERROR');
    expect(hintsOf(refused)).toEqual([
      expect.stringMatching(
        /input \/in\/x: .*private: open: Permission denied; hint: .* no sandbox parameter/,
      ),
    ]);
  });

  it.each([
    ['an address', ['nc', '-w', '2', '192.0.2.1', '80'], /Network is unreachable/],
    ['a name', ['wget', '-O', '-', 'http://example.org/'], /bad address/],
  ])('a connection to %s', async (_name, command, words) => {
    const refused = await run(command);
    expect(refused.state).toBe('EXECUTOR_ERROR');
    const [hint = '', ...others] = hintsOf(refused);
    expect(hint).toMatch(words);
    expect(hint).toContain('sandbox_network=egress with sandbox_egress=HOST:PORT');
    expect(others).toEqual([]);
  });

  it('what no parameter grants, as that', async () => {
    const refused = await run(['mount', '-t', 'tmpfs', 'none', '/tmp'], { sandbox_privilege: 'root-mapped' });
    expect(refused.state).toBe('EXECUTOR_ERROR');
    expect(hintsOf(refused)).toEqual([expect.stringContaining('no parameter grants them')]);
  });

  it('though a thousand lines stand before the one that says it, and a 32-bit call is told by its signal', async () => {
    const script = 'seq 1 5000 >&2; touch /x; chown 7 /x';
    expect(hintsOf(await run(['sh', '-c', script]))).toEqual([expect.stringContaining('root-mapped')]);
    const ended = await run(['perl', '-e', 'syscall(0x40000000 + 39)']);
    expect(ended.logs?.[0]?.system_logs?.join('\n')).toContain('ended by SIGSYS');
  });
});

describe('nothing is told', () => {
  it.each<[name: string, command: readonly string[]]>([
    ['of an exit with 1', ['sh', '-c', 'echo "the sample has no reads" >&2; exit 1']],
    ['of an exit with 1 without a word', ['false']],
    ['of the task’s own server that isn’t there', ['nc', '-w', '2', '127.0.0.1', '80']],
    ['of a file that isn’t there', ['cat', '/nowhere']],
    ['of a command that went on to its end', ['sh', '-c', 'touch /x; chown 7 /x; exit 0']],
  ])('%s', async (_name, command) => {
    expect(hintsOf(await run(command))).toEqual([]);
  });
});
