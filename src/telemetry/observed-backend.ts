import type { Backend } from '../backends/backend.ts';
import type { Recorder } from './recorder.ts';

/** The same backend; how long each phase of an attempt takes is recorded. */
export function observedBackend(backend: Backend, recorder: Recorder): Backend {
  return {
    ...backend,
    prepare: async (...given) => await recorder.timed('prepare', async () => await backend.prepare(...given)),
    stageIn: async (...given) =>
      await recorder.timed('stage_in', async () => await backend.stageIn(...given)),
    start: async (...given) => await recorder.timed('start', async () => await backend.start(...given)),
    wait: async (...given) => await recorder.timed('run', async () => await backend.wait(...given)),
    stageOut: async (...given) =>
      await recorder.timed('stage_out', async () => await backend.stageOut(...given)),
    release: async (...given) => await recorder.timed('release', async () => await backend.release(...given)),
  };
}
