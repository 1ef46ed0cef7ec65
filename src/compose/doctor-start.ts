import type { DoctorReport } from '../cli/doctor-report.ts';
import { noNamespaceCheck } from '../warden/rootless/checks.ts';
import { enteringCommand, enteringEnvironment, rootlessRun, tryEntering } from '../warden/rootless/enter.ts';

const RUN_FOLDER = '/run/bulkhead';
/** In its environment, where mounts can stand. */
const DOCTOR_RUN = 'BULKHEAD_DOCTOR_RUN';

/**
 * Where `bulkhead doctor` may mount. Without root it becomes the same command as root of a user namespace; where the host
 * lets it make none, that is the report.
 */
export function startDoctor(): string | DoctorReport {
  if (process.getuid?.() === 0) return process.env[DOCTOR_RUN] ?? RUN_FOLDER;
  try {
    const run = rootlessRun(RUN_FOLDER);
    tryEntering(run);
    const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const command = enteringCommand({ folder: undefined, run }, self);
    process.execve?.(command[0] ?? '', command, enteringEnvironment({ ...process.env, [DOCTOR_RUN]: run }));
    throw new Error("this Node can't become another program");
  } catch (error) {
    return { checks: [noNamespaceCheck(error)] };
  }
}
