/** A warden in a process of its own, so that what a flood does to it is seen from outside. Ends with its stdin. */
import { once } from 'node:events';
import { serveTestWarden } from './served-warden.ts';

const served = await serveTestWarden();
process.stdout.write(`${JSON.stringify({ socket: served.socket, files: served.files })}\n`);
await once(process.stdin.resume(), 'end');
await served.close();
