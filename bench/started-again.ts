import type { TestServer } from '../test/fixtures/server.ts';

/** What a start on a new data folder compiles is kept for every later one, which don't take the memory for it again. */
export async function startedAgain(server: TestServer): Promise<void> {
  await server.leave('SIGTERM');
  await server.serveAgain();
}
