import { enteringCommand, enteringEnvironment, rootlessRun } from '../../src/warden/rootless/enter.ts';

/** Becomes the command given, as root of a user namespace of who calls it, which ends with the command. */
const run = rootlessRun('/run/bulkhead');
const command = enteringCommand({ folder: undefined, run }, process.argv.slice(2));
process.execve?.(command[0] ?? '', command, enteringEnvironment(process.env));
