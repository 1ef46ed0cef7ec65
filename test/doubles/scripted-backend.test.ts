import { backendContract } from '../contract/backend.ts';
import { PROGRAMS } from '../contract/backend-samples.ts';
import { ScriptedBackend } from './scripted-backend.ts';
import { ScriptedMachine } from './scripted-machine.ts';

backendContract('the scripted backend', async () => {
  const machine = new ScriptedMachine([
    [PROGRAMS.succeed, { exitCode: 0 }],
    [PROGRAMS.failWith3, { exitCode: 3 }],
    [PROGRAMS.notExecutable, { exitCode: 126 }],
    [PROGRAMS.killItself, { exitCode: 137 }],
    [PROGRAMS.terminateItself, { exitCode: 143 }],
    [PROGRAMS.runOn, {}],
    [PROGRAMS.speak, { exitCode: 0, stdout: 'abcdef', stderr: 'ghi' }],
    [PROGRAMS.speakAndRunOn, { stdout: 'early\n' }],
    [PROGRAMS.leaveBehind, { exitCode: 4 }],
    [PROGRAMS.writeShared, { exitCode: 0 }],
    [PROGRAMS.readShared, { exitCode: 0, stdout: 'shared\n' }],
  ]);
  return {
    backend: new ScriptedBackend(machine),
    reopen: async () => new ScriptedBackend(machine),
    image: 'busybox',
    files: { skip: 'a scripted backend moves no files' },
    close: async () => undefined,
  };
});
