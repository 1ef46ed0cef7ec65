import { storeContract } from '../contract/store.ts';
import { openMemoryStore } from './memory-store.ts';

storeContract('the store in memory', async () => openMemoryStore());
