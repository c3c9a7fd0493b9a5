// Tests only: a relay as its own process, so that it can be killed or starved. Prints its URL; ends gracefully on SIGTERM.
import { startRelay } from './main.ts';

const [dataDir = '', port = '0'] = process.argv.slice(2);
const relay = await startRelay({ dataDir, port: Number(port), logLevel: 'off', quotas: { addressRate: 1e6, addressBurst: 1e6, keyRate: 1e6, keyBurst: 1e6 } });
process.on('SIGTERM', () => void relay.stop());
process.stdout.write(`${relay.url}\n`);
