import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { demandConfined, isEnforced, openAppArmor } from './apparmor.ts';

test('a profile is there where the kernel lists it, by its whole name, as enforced', () => {
  const profiles =
    'bulkhead-task-old (enforce)\nlsb_release (complain)\nbulkhead-task (enforce)\n/usr/bin/man (enforce)';
  expect(isEnforced(profiles, 'bulkhead-task')).toBe(true);
  expect(isEnforced(profiles, '/usr/bin/man')).toBe(true);
  for (const name of ['bulkhead', 'task', 'lsb_release', ''])
    expect(isEnforced(profiles, name), name).toBe(false);
});

test('off is off, also where the host has it', async () => {
  expect(await openAppArmor('off')).toEqual({ found: 'off (backend.apparmor)', isMissing: false });
});

test('a profile that is named and not there is refused with what to do', async () => {
  await expect(openAppArmor('of-the-site')).rejects.toMatchObject({
    code: 'host',
    message: expect.stringMatching(/backend\.apparmor names the profile of-the-site: .*auto or off/),
  });
});

test.skipIf(existsSync('/sys/kernel/security/apparmor'))(
  'without AppArmor in the kernel there is none, and nothing is missing',
  async () => {
    expect(await openAppArmor('auto')).toMatchObject({
      found: expect.stringMatching(/^none: /),
      isMissing: false,
    });
  },
);

test('a process that runs under no profile is found out, and one that is gone tells nothing', async () => {
  await expect(demandConfined(process.pid, 'bulkhead-task', 100)).rejects.toMatchObject({ code: 'evidence' });
  await expect(demandConfined(2 ** 22 + 1, 'bulkhead-task', 100)).resolves.toBeUndefined();
});
