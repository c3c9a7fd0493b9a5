// Tests and benchmarks only: a relay in a process of its own, so that its memory is its own. `bun bench/relay-process.ts DIR`
import { startRelay } from '../relay/main.ts';

const plenty = { addressRate: 1e6, addressBurst: 1e6, keyRate: 1e6, keyBurst: 1e6, orgSockets: 100_000 };
const relay = await startRelay({ dataDir: process.argv[2] ?? '', port: 0, logLevel: 'off', quotas: plenty });
process.stdout.write(`${relay.url}\n`);
process.on('SIGTERM', () => void relay.stop().then(() => process.exit(0)));
