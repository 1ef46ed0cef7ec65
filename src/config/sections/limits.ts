import { Type } from 'typebox';
import { durationOrNone, section, size, sizeOrPercent, whole } from '../vocabulary.ts';

export const limitsSection = section('What the server keeps, and what it leaves alone.', {
  retention: durationOrNone('A task is deleted so long after it ended.', '30d'),
  attempts: whole(
    'How often a task may be begun in all, where an attempt is lost by the fault of the host, such as its restart. Above 1, what its executors did may be done again.',
    1,
    { minimum: 1, maximum: 100 },
  ),
  stdio_bytes: size(
    'Bytes that are stored of each of stdout and stderr of each executor; more is read and dropped.',
    '64MiB',
    {
      minimum: 4096,
    },
  ),
  stdio_text: size("Bytes of each of stdout and stderr that are kept as text in the task's record.", '64KiB'),
  content_bytes: size('Largest `content` of an input; TES asks for 128 KiB at least.', '1MiB', {
    minimum: 128 * 1024,
  }),
  reserved: section('What of this machine is never given to tasks.', {
    cpu_cores: Type.Unsafe<number>({ type: 'number', minimum: 0, description: 'Cores.', default: 0 }),
    memory: size('Memory.', '512MiB'),
    disk: size('Bytes that stay free on the file system of `backend.work`.', '2GiB'),
  }),
  free_disk: section('What is done where the file system of the data folder has little room left.', {
    starts: sizeOrPercent(
      'With less free, nothing new is started: tasks wait in the queue. What nobody uses (ready-made disks, images) is given up first. Below `limits.reserved.disk`, so that tasks that use what they were given hold nobody up.',
      '1GiB',
    ),
    creates: sizeOrPercent('With less free, new tasks are refused with 503.', '256MiB'),
  }),
});
