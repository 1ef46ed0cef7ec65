import {
  autoOrInteger,
  choice,
  path,
  pathBelowData,
  pathOrWord,
  section,
  text,
  whole,
} from '../vocabulary.ts';

export const backendSection = section('Where tasks run.', {
  kind: choice('`oci`: containers on this machine.', ['oci'], 'oci'),
  runtime: pathOrWord(
    'The OCI runtime: `runc` and `crun` are looked for where programs stand; `auto` takes runc, else crun; or a path to one of them.',
    ['auto', 'runc', 'crun'],
    'auto',
  ),
  apparmor: text(
    'The AppArmor profile of containers: `auto` loads and takes the one of this release where the kernel has AppArmor; `off`; or the name of one that is loaded.',
    'auto',
    { pattern: '^[^\\s()]+$' },
  ),
  slots: autoOrInteger('How many tasks may run at once; `auto` lets cpu, memory and disk decide.', 1),
  id_base: whole(
    'First id of the range of host ids that tasks are mapped to. Nothing else on this host may use the range. Without root, tasks have subordinate ids.',
    1_879_048_192,
    { minimum: 65_536, maximum: 4_294_901_760 },
  ),
  disk_pool: autoOrInteger(
    'How many ready-made task disks of the default size are kept; 0 makes each when it is needed.',
    0,
  ),
  work: pathBelowData(
    "Tasks' disks and logs. On a file system with room for all tasks that run at once.",
    'work',
  ),
  run: path(
    'Mount points of running tasks; mode 0711, never below a private folder. Two servers on one machine need one each. Without root: mounted over for this server alone, and `/tmp/bulkhead-UID` where the host has no such folder.',
    '/run/bulkhead',
  ),
});
