import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunFolders, runFolders } from '../../src/warden/run-folders.ts';
import { startWeb, type Web } from '../e2e/web.ts';
import { busyboxFiles } from '../fixtures/images.ts';
import { writeLayout } from '../fixtures/layouts.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { countStarts, type StartCounter } from './start-counter.ts';

/** A real server with all that its tasks need around it, and the counter of starts. */
export interface Stage {
  readonly server: TestServer;
  readonly run: RunFolders;
  readonly web: Web;
  readonly counter: StartCounter;
  /** An image of the registry that nobody has pulled yet. */
  freshImage(): Promise<string>;
  /** Ends the server, and all around it. */
  close(): Promise<void>;
}

const INIT = '/usr/bin/catatonit';

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'bulkhead-storm-'));
  await mkdir(join(folder, 'registry'));
  const registry = await startRegistry({ folder: join(folder, 'registry') });
  const web = await startWeb();
  const server = await startServer({
    images: { registries: [{ prefix: registry.host, plain_http: true }] },
    storage: { http: { allow_private: [web.host] } },
  });
  const run = runFolders('/run/bulkhead', join(server.folder, 'data'));
  const counter = await countStarts(INIT, run.instance);
  const images = freshImages(folder, registry);
  return {
    server,
    run,
    web,
    counter,
    freshImage: images,
    async close() {
      await server.stop();
      await counter.close();
      await web[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Each has a layer of its own, with files enough that unpacking it takes a moment. */
function freshImages(folder: string, registry: Registry): () => Promise<string> {
  const FILES = 500;
  let count = 0;
  return async () => {
    count += 1;
    const name = `fresh-${count}`;
    const layout = join(folder, name);
    const own = Array.from({ length: FILES }, (_, at) => ({ path: `own/${at}`, content: `${name} ${at}\n` }));
    await writeLayout(layout, [{ names: ['latest'], layers: [await busyboxFiles(), own] }]);
    await registry.push(layout, 'latest', `storm/${name}:latest`);
    await rm(layout, { recursive: true });
    return `${registry.host}/storm/${name}:latest`;
  };
}
