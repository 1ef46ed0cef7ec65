import type { Storage } from './storage.ts';

/** A storage whose client library is loaded when the first task needs it: an idle server carries none of them. */
export function deferredStorage(options: {
  readonly schemes: readonly string[];
  readonly advertised: readonly string[];
  readonly load: () => Promise<Storage>;
}): Storage {
  const { schemes, advertised, load } = options;
  let loading: Promise<Storage> | undefined;
  const loaded = (): Promise<Storage> => (loading ??= load());
  return {
    schemes,
    advertised,
    async *read(request) {
      const storage = await loaded();
      yield* storage.read(request);
    },
    async write(request) {
      const storage = await loaded();
      return storage.write(request);
    },
  };
}
