// Starts relay, daemon and console together, and stops them in the other order.
import { appendFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import type { Status } from '../../../protocol/local-api.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { openConsole } from '../console/open.ts';
import type { World } from '../terminal/world.ts';
import { writeLauncher } from './launcher.ts';
import { choosePort } from './ports.ts';
import { readRunning, writeRunning } from './running.ts';

export interface UpOptions {
  readonly data: string;
  readonly socketPath: string;
  readonly consolePort: number | undefined;
  readonly relayPort: number | undefined;
}
export interface Up {
  readonly data: string;
  readonly socketPath: string;
  readonly relay: string;
  readonly console: string;
  /** The console's address with the secret that lets its page enrol this machine. */
  readonly setup: string;
  /** Folder of a `stillvault` for other terminals. */
  readonly bin: string;
  status(): Status;
  /** Once this machine has an organisation, no file needs to hold the secret any more. */
  forgetSetup(): void;
  stop(): Promise<void>;
}

/** Throws what the servers throw: E_DAEMON_RUNNING, E_STATE_PATH, E_RELAY_STORE, a port that is taken. */
export async function startAll(world: World, options: UpOptions): Promise<Up> {
  const [{ harden }, { libc }, { ensurePrivateFolder, lockFolder }, { startDaemon }, { startRelay }] = await Promise.all([
    import('../../harden.ts'),
    import('../../intake/libc.ts'),
    import('../../intake/state-path.ts'),
    import('../../start.ts'),
    import('../../../relay/main.ts'),
  ]);
  const { data } = options;
  const system = libc();
  const { missing } = harden(process, system);
  ensurePrivateFolder(data, world.uid);
  const lockUp = (): Disposable => {
    try {
      return lockFolder(data, system);
    } catch (cause) {
      throw new StillvaultError('error', `Stillvault is running already, with data in ${data}`, {
        detail: 'E_DAEMON_RUNNING',
        next: 'stillvault status',
        cause,
      });
    }
  };
  await using started = new AsyncDisposableStack();
  // Before the ports are looked at: a second `up` must hear that the first one runs, not take other ports beside it.
  started.use(lockUp());
  mkdirSync(`${data}/log`, { recursive: true, mode: 0o700 });
  const before = readRunning(data);
  const relayData = `${data}/relay`;
  const { checkRelay } = await import('../../../relay/backup.ts');
  const isPinned = (): boolean =>
    existsSync(`${data}/daemon/machine.key`) || (existsSync(`${relayData}/relay.db`) && checkRelay(`${relayData}/relay.db`).orgs > 0);

  const relayPort = await choosePort({
    what: 'relay',
    option: '--relay-port',
    given: options.relayPort,
    before: portOf(before?.relay),
    usual: 7_842,
    isPinned,
  });
  const relay = await startRelay({ dataDir: relayData, port: relayPort }, { version: world.version, writeLog: logTo(`${data}/log/relay.log`) });
  started.defer(async () => relay.stop());

  const writeLog = logTo(`${data}/log/daemon.log`);
  const log = (line: object): void => writeLog(`${JSON.stringify({ time: new Date(world.now()).toISOString(), ...line })}\n`);
  if (missing.length > 0) log({ event: 'not hardened', missing });
  const daemon = await startDaemon({ stateDir: `${data}/daemon`, socketPath: options.socketPath, version: world.version, log });
  started.defer(async () => daemon.stop());

  const consolePort = await choosePort({
    what: 'console',
    option: '--port',
    given: options.consolePort,
    before: portOf(before?.console),
    usual: 7_843,
    isPinned,
  });
  const secret = Buffer.from(world.random(24)).toString('base64url');
  const server = await openConsole({ port: consolePort, relay: relay.url, daemon: { secret, status: daemon.status, join: daemon.join } });
  started.defer(async () => server.stop());

  const setup = `${server.origin}/#setup=${secret}`;
  const addresses = { relay: relay.url, console: server.origin };
  writeRunning(data, daemon.status().state === 'not_enrolled' ? { ...addresses, setup } : addresses);
  started.defer(() => writeRunning(data, addresses));
  const bin = writeLauncher(data, options.socketPath);
  const running = started.move();
  return {
    ...addresses,
    data,
    socketPath: options.socketPath,
    setup,
    bin,
    status: daemon.status,
    forgetSetup: () => writeRunning(data, addresses),
    stop: async () => running.disposeAsync(),
  };
}

function portOf(origin: string | undefined): number | undefined {
  return origin === undefined ? undefined : Number(new URL(origin).port);
}

const maxLogBytes = 4_194_304;

/** Appends lines; at a start, a log that has grown becomes `.old`. */
function logTo(file: string): (line: string) => void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > maxLogBytes) renameSync(file, `${file}.old`);
  return (line) => {
    try {
      appendFileSync(file, line, { mode: 0o600 });
    } catch {
      // A full disk must not stop a release; what needs the disk says so itself.
    }
  };
}
