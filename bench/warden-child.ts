/** A warden in a process of its own, as a server has it: `node bench/warden-child.ts FOLDER SOCKET`, until SIGTERM. */
import { once } from 'node:events';
import { openLocalWarden } from '../src/warden/local-warden.ts';
import { serveWarden } from '../src/warden/wire/service.ts';
import { wardenOptions } from './warden-options.ts';

const [folder = '', socket = ''] = process.argv.slice(2);
const warden = await openLocalWarden(wardenOptions(folder));
const service = await serveWarden({ warden, socket, uid: 0, gid: 0, greeting: null });
process.stdout.write('ready\n');
await once(process, 'SIGTERM');
await service.close();
await warden.close();
