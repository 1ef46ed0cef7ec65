import { Type } from 'typebox';
import { amount, autoOrInteger, choice, durationOrNone, flag, list, section, whole } from '../vocabulary.ts';

export const policySection = section(
  'What a task gets that does not ask, and the most that it may ask for.',
  {
    defaults: section('For a task that leaves the field out.', {
      profile: choice('The sandbox profile.', ['strict', 'standard', 'mapped-root'], 'standard'),
      cpu_cores: amount('Cores; may be fractional.', 1),
      ram_gb: amount('Memory, in units of 2³⁰ bytes; there is no swap.', 2),
      disk_gb: amount("The task's disk, in units of 2³⁰ bytes.", 10),
      disk_inodes: autoOrInteger("Files on the task's disk; `auto`: one for every 16 KiB.", 1024),
      pids: whole('Processes and threads.', 1024, { minimum: 8 }),
      open_files: whole('Open files of one process.', 65_536, { minimum: 64 }),
      timeout: durationOrNone('Wall time, from the start of the first executor.', 'none'),
      queue_timeout: durationOrNone('Time in QUEUED; the task then ends as SYSTEM_ERROR.', 'none'),
    }),
    ceilings: section(
      'A task that asks for more is refused, with the ceiling named. What is left out is bounded by the machine alone.',
      {
        cpu_cores: Type.Optional(amount('Cores; may be fractional.')),
        ram_gb: Type.Optional(amount('Memory, in units of 2³⁰ bytes.')),
        disk_gb: Type.Optional(amount('Disk, in units of 2³⁰ bytes.')),
      },
    ),
    require_enforced: flag(
      'A task runs only where this host enforces every control of its sandbox: else it is refused when it is created, and ends as SYSTEM_ERROR before its first instruction where that shows only then. Without it, what is not enforced is told by name in the task.',
      false,
    ),
    may_be_unenforced: list(
      'Where `require_enforced` is set: the controls that may be missing all the same. `id-range`: a range of host ids for each running task, which needs id-mapped mounts.',
      choice('Name of a control, as in `sandbox_unenforced`.', ['id-range']),
    ),
  },
);
