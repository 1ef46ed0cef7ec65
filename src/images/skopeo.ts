import { spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { BulkheadError } from '../errors.ts';
import { parseJsonObject } from './json.ts';
import { compileRegistries, type RegistryEntry } from './registries.ts';

export interface SkopeoOptions {
  /** Ours alone; made anew with each start. */
  readonly folder: string;
  readonly registries: readonly RegistryEntry[];
  /** containers-auth.json(5), as `skopeo login --authfile` or `docker login` writes it. */
  readonly authFile?: string;
  /** Of this process: proxies and the system's certificates are passed on, nothing else. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface SkopeoOutcome {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Skopeo {
  /** Trusts only what is configured for the host, never what this machine's own files say. Throws `host`, `canceled`. */
  run(
    argv: readonly string[],
    registryHost: string,
    limits: { signal: AbortSignal; maxOutputBytes: number },
  ): Promise<SkopeoOutcome>;
}

const PASSED_ON = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];
const STDERR_BYTES = 64 * 1024;
/** What setpriv(1) ends with where there is no such command. */
const NOT_FOUND = 127;

/**
 * skopeo with a home of its own. It reads `~/.config/containers` before the system's files, and then not those:
 * registries.conf(5), policy.json(5) and certs.d(5) all say so. Throws `config`.
 */
export async function createSkopeo(options: SkopeoOptions): Promise<Skopeo> {
  const home = resolve(options.folder);
  const settings = join(home, '.config', 'containers');
  const temporary = join(home, 'tmp');
  const { conf, caFiles } = compileRegistries(options.registries);
  await rm(home, { recursive: true, force: true });
  for (const folder of [settings, temporary, join(settings, 'registries.d')])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(settings, 'registries.conf'), conf, { mode: 0o600 });
  await writeFile(join(settings, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}', {
    mode: 0o600,
  });
  await writeFile(join(settings, 'no-auth.json'), '{"auths":{}}', { mode: 0o600 });
  for (const [host, caFile] of caFiles) await prepareHost(join(settings, 'certs.d', host), caFile);
  if (options.authFile !== undefined) await checkAuthFile(options.authFile);

  const global = [
    '--policy',
    join(settings, 'policy.json'),
    '--registries.d',
    join(settings, 'registries.d'),
    '--tmpdir',
    temporary,
  ];
  const authFile =
    options.authFile === undefined ? join(settings, 'no-auth.json') : resolve(options.authFile);
  const passedOn = PASSED_ON.flatMap((name) => {
    const value = options.environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = {
    ...Object.fromEntries(passedOn),
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: home,
    TMPDIR: temporary,
    LC_ALL: 'C',
  };
  return {
    async run([command = '', ...rest], registryHost, limits) {
      await prepareHost(join(settings, 'certs.d', registryHost));
      return runSkopeo([...global, command, '--authfile', authFile, ...rest], env, limits);
    },
  };
}

/** An existing folder, even an empty one, keeps skopeo from /etc/containers/certs.d and /etc/docker/certs.d for the host. */
async function prepareHost(folder: string, caFile?: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (caFile === undefined) return;
  try {
    await copyFile(caFile, join(folder, 'ca.crt'));
  } catch (cause) {
    throw new BulkheadError(
      'config',
      `The CA file ${JSON.stringify(caFile)} of images.registries can't be read: ${String(cause)}.`,
      { cause },
    );
  }
}

/** A file that can't be used would make every pull anonymous, and the failure a riddle. */
async function checkAuthFile(path: string): Promise<void> {
  try {
    parseJsonObject(await readFile(path), path);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new BulkheadError('config', `images.auth_file ${JSON.stringify(path)} can't be used: ${problem}`, {
      cause,
    });
  }
}

/** Resolves once the process is gone, also where it was killed. */
function runSkopeo(
  argv: readonly string[],
  env: Record<string, string>,
  limits: { signal: AbortSignal; maxOutputBytes: number },
): Promise<SkopeoOutcome> {
  const { signal, maxOutputBytes } = limits;
  return new Promise((settle, reject) => {
    if (signal.aborted) {
      reject(canceled());
      return;
    }
    // It dies with this process, or it would go on filling a folder that the next start removes.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'skopeo', ...argv], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    let [stdoutBytes, stderr] = [0, ''];
    let failure: Error | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      stdoutBytes += chunk.length;
      if (stdoutBytes <= maxOutputBytes) stdout.push(chunk);
      else {
        failure = new BulkheadError(
          'image-invalid',
          `The registry answered with more than ${maxOutputBytes} bytes where a manifest or config was expected.`,
        );
        child.kill('SIGKILL');
      }
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-STDERR_BYTES);
    });
    child.once('error', (error) => {
      failure =
        'code' in error && error.code === 'ENOENT'
          ? notInstalled('setpriv', 'util-linux')
          : (failure ?? error);
      if (child.pid === undefined) reject(failure);
    });
    child.once('close', (exitCode) => {
      if (signal.aborted) reject(canceled());
      else if (failure !== undefined) reject(failure);
      else if (exitCode === NOT_FOUND) reject(notInstalled('skopeo', 'skopeo'));
      else settle({ exitCode: exitCode ?? 137, stdout: Buffer.concat(stdout), stderr });
    });
  });
}

function canceled(): BulkheadError {
  return new BulkheadError('canceled', 'Asking the registry was canceled.');
}

function notInstalled(command: string, debianPackage: string): BulkheadError {
  return new BulkheadError(
    'host',
    `${command} is not installed; install it (Debian: apt-get install ${debianPackage}).`,
  );
}
