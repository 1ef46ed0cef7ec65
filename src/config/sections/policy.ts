import { Type } from 'typebox';
import { amount, durationOrNone, section, text, whole } from '../vocabulary.ts';

const PROFILE = { pattern: '^[a-z][a-z0-9-]*$' };

export const policySection = section(
  'What a task gets that does not ask, and the most that it may ask for.',
  {
    defaults: section('For a task that leaves the field out.', {
      profile: text('The sandbox profile: `strict`, `standard`, `mapped-root`.', 'standard', PROFILE),
      cpu_cores: amount('Cores; may be fractional.', 1),
      ram_gb: amount('Memory, in units of 2³⁰ bytes; there is no swap.', 2),
      disk_gb: amount("The task's disk, in units of 2³⁰ bytes.", 10),
      disk_inodes: whole("Files on the task's disk.", 1_000_000, { minimum: 1024 }),
      pids: whole('Processes and threads.', 4096, { minimum: 8 }),
      open_files: whole('Open files of one process.', 65_536, { minimum: 64 }),
      timeout: durationOrNone('Wall time, from the start of the first executor.', '7d'),
      queue_timeout: durationOrNone('Time in QUEUED; the task then ends as SYSTEM_ERROR.', 'none'),
    }),
    ceilings: section('A task that asks for more is refused, with the ceiling named.', {
      profile: Type.Optional(
        text(
          'The weakest profile that a task may ask for; the default profile where it is left out.',
          undefined,
          PROFILE,
        ),
      ),
      cpu_cores: Type.Optional(amount('Cores; what the machine has where it is left out.')),
      ram_gb: Type.Optional(
        amount('Memory, in units of 2³⁰ bytes; what the machine has where it is left out.'),
      ),
      disk_gb: Type.Optional(
        amount('Disk, in units of 2³⁰ bytes; what the machine has where it is left out.'),
      ),
      disk_inodes: Type.Optional(
        whole('Files on the disk; the default where it is left out.', undefined, { minimum: 1024 }),
      ),
      pids: Type.Optional(
        whole('Processes and threads; the default where it is left out.', undefined, { minimum: 8 }),
      ),
      open_files: Type.Optional(
        whole('Open files of one process; the default where it is left out.', undefined, { minimum: 64 }),
      ),
      timeout: Type.Optional(durationOrNone('Wall time; the default where it is left out.')),
      queue_timeout: Type.Optional(durationOrNone('Time in QUEUED; the default where it is left out.')),
    }),
  },
);
