import { Type } from 'typebox';
import { CONTROLS } from '../../sandbox/controls.ts';
import { COMPATS, ISOLATIONS, NETWORK_MODES, PRIVILEGES, ROOT_FILE_SYSTEMS } from '../../sandbox/sandbox.ts';
import {
  amount,
  autoOrInteger,
  choice,
  durationOrNone,
  flag,
  group,
  list,
  optionalList,
  section,
  text,
  whole,
} from '../vocabulary.ts';

/** Of profiles and rules. */
const NAME = '^[a-z][a-z0-9-]{0,62}$';

const strengths = {
  isolation: Type.Optional(choice('What stands between a task and the kernel, strongest first.', ISOLATIONS)),
  privilege: Type.Optional(choice('Least first.', PRIVILEGES)),
  network: Type.Optional(choice('What may be reached, least first.', NETWORK_MODES)),
  rootfs: Type.Optional(choice("What becomes of writes to the image's files.", ROOT_FILE_SYSTEMS)),
};
const lists = {
  egress: optionalList(
    'Where `network` is `egress`: what may be reached.',
    text('`host:port`; `*.example.org:443` for every name below, `*` for every host or port.'),
  ),
  compat: optionalList('What is let through besides.', choice('Debuggers, some MPI.', COMPATS)),
};
const profileName = Type.Optional(
  text('A profile, for those of its keys that are not set beside it.', undefined, { pattern: NAME }),
);
const preset = {
  profile: profileName,
  ...strengths,
  ...lists,
  pids: Type.Optional(whole('Processes and threads of an executor.', undefined, { minimum: 8 })),
  timeout: Type.Optional(durationOrNone('Wall time, from the start of the first executor.')),
  cpu_cores: Type.Optional(amount('Cores; may be fractional.')),
  ram_gb: Type.Optional(amount('Memory, in units of 2³⁰ bytes.')),
  disk_gb: Type.Optional(amount('Disk, in units of 2³⁰ bytes.')),
};
const sizes = {
  cpu_cores: Type.Optional(amount('Cores.')),
  ram_gb: Type.Optional(amount('Memory, in units of 2³⁰ bytes.')),
  disk_gb: Type.Optional(amount('Disk, in units of 2³⁰ bytes.')),
};
const location = text('URL of a folder, or the absolute path of one on this host.');
const storage = {
  read: optionalList('Locations below which a task may read; left out: as `storage` has it.', location),
  write: optionalList('Locations below which a task may write; left out: as `storage` has it.', location),
};
const pattern = text('A name; `*` stands for any characters.');

const match = section(
  'Which tasks. All that is given must hold, of a list one; nothing given is every task.',
  {
    subjects: optionalList('Callers.', pattern),
    groups: optionalList('Groups of the caller.', pattern),
    images: optionalList(
      "The executor's image.",
      text(
        'Such as `ubuntu`, `quay.io/biocontainers/*` or `**/samtools:1.*`; `*` stays within one part, `**` does not.',
      ),
    ),
    registries: optionalList("The image's registry.", text('A host; `*` stands for any characters.')),
    digests: optionalList(
      'The image, where its reference names its digest.',
      text('`sha256:` and 64 digits.', undefined, { pattern: '^sha256:[0-9a-f]{64}$' }),
    ),
    task_names: optionalList('The name of the task, which its caller chooses.', pattern),
    above: section('The task has more than this, asked for or by default.', sizes),
    up_to: section('The task has no more than this.', sizes),
  },
);

const rule = section('One rule.', {
  id: text('Its name, which is told wherever it decided something.', undefined, { pattern: NAME }),
  match,
  defaults: section('For a task that leaves the field out.', preset),
  ceilings: section('The most that a task may ask for.', preset),
  floors: section('The least strength that a task has, asked for or not.', strengths),
  storage: section('What a task may read and write.', storage),
  refuse: Type.Optional(text('Why such a task is refused; `none`: it is not, whatever a later rule says.')),
});

export const policySection = section(
  'What a task gets that does not ask, and the most that it may ask for. Read anew at SIGHUP.',
  {
    tags: flag(
      'Tags named as sandbox parameters (`sandbox_network`) count as such, for clients that can send nothing else.',
      true,
    ),
    defaults: section('For a task that leaves the field out.', {
      profile: text(
        'The sandbox profile: `strict`, `standard`, `mapped-root`, or one of `profiles`.',
        'standard',
        {
          pattern: NAME,
        },
      ),
      ...strengths,
      ...lists,
      cpu_cores: amount('Cores; may be fractional.', 1),
      ram_gb: amount('Memory, in units of 2³⁰ bytes; there is no swap.', 2),
      disk_gb: amount("The task's disk, in units of 2³⁰ bytes.", 10),
      disk_inodes: autoOrInteger("Files on the task's disk; `auto`: one for every 16 KiB.", 1024),
      pids: whole('Processes and threads of an executor.', 1024, { minimum: 8 }),
      open_files: whole('Open files of one process.', 65_536, { minimum: 64 }),
      timeout: durationOrNone('Wall time, from the start of the first executor.', 'none'),
      queue_timeout: durationOrNone('Time in QUEUED; the task then ends as SYSTEM_ERROR.', 'none'),
    }),
    ceilings: section(
      'A task that asks for more is refused, with the ceiling named. What is left out is bounded, of a size by the machine alone, of all else by what the default profile has or the default, whichever is looser.',
      preset,
    ),
    floors: section(
      'The least strength that a task has, asked for or not; no ceiling takes it away. One that this host cannot meet refuses the task.',
      strengths,
    ),
    storage: section('What tasks may read and write, within what the section `storage` has.', storage),
    profiles: group(
      'Profiles of the site by name, beside `strict`, `standard` and `mapped-root`.',
      NAME,
      section('One profile.', {
        isolation: choice(
          'What stands between a task and the kernel, strongest first.',
          ISOLATIONS,
          'userns',
        ),
        privilege: choice('Least first.', PRIVILEGES, 'root-capless'),
        network: choice('What may be reached, least first.', NETWORK_MODES, 'none'),
        egress: lists.egress,
        rootfs: choice("What becomes of writes to the image's files.", ROOT_FILE_SYSTEMS, 'ephemeral'),
        compat: list('What is let through besides.', choice('Debuggers, some MPI.', COMPATS)),
      }),
    ),
    rules: list(
      'Looked at in their order: of each field, the first rule that matches and has a word on it decides; where none has, the keys above.',
      rule,
    ),
    require_enforced: flag(
      'A task runs only where this host enforces every control of its sandbox: else it is refused when it is created, and ends as SYSTEM_ERROR before its first instruction where that shows only then. Without it, what is not enforced is told by name in the task.',
      false,
    ),
    may_be_unenforced: list(
      "Controls that may be missing all the same. `cpu`, `memory`, `pids` and `disk`, a task's share of the machine, are missing on hosts without root; where one is and is not named here, the server does not start. `devices`, `id-range` and `apparmor`, the list of devices in the control group, a range of host ids for each running task and the profile of containers where the kernel has AppArmor, matter where `require_enforced` is set.",
      choice('Name of a control, as in `sandbox_unenforced`.', CONTROLS),
    ),
  },
);
