import { expect } from 'vitest';
import { backendContract } from '../contract/backend.ts';
import { openInstance } from './instance.ts';

backendContract('oci', async () => {
  const instance = await openInstance();
  return {
    backend: instance.backend,
    reopen: () => instance.reopen(),
    image: 'busybox:latest',
    files: { root: instance.files },
    close: async () => expect(await instance.close()).toEqual([]),
  };
});
