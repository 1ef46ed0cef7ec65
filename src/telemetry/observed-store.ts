import type { Store } from '../store/store.ts';
import type { Recorder } from './recorder.ts';

/** The same store; how long its operations take, and which states tasks come to, is recorded. */
export function observedStore(store: Store, recorder: Recorder): Store {
  return {
    ...store,
    async create(task) {
      const created = await recorder.timed('create', async () => await store.create(task));
      if (!created.replayed) recorder.count('QUEUED');
      return created;
    },
    async claim(claim) {
      const claimed = await recorder.timed('claim', async () => await store.claim(claim));
      if (claimed !== undefined) recorder.count('INITIALIZING');
      return claimed;
    },
    async transition(change) {
      const isDone = await recorder.timed('transition', async () => await store.transition(change));
      if (isDone) recorder.count(change.to);
      return isDone;
    },
    async cancel(id, options) {
      const change = await recorder.timed('cancel', async () => await store.cancel(id, options));
      if (change !== undefined && change.after !== change.before) recorder.count(change.after);
      return change;
    },
    get: async (id, options) => await recorder.timed('get', async () => await store.get(id, options)),
    list: async (query) => await recorder.timed('list', async () => await store.list(query)),
  };
}
