// For tests: a daemon that stores what is put and releases it again, without people; and folders with files to import.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PutAsk, PutItem, ReleaseAsk } from '../../protocol/local-api.ts';
import { type Ended, run } from './test-command-line.ts';
import { type StubAnswers, type StubDaemon, failure, readyStatus, startStubDaemon } from '../../testing/stub-daemon.ts';

export interface Kept {
  version: number;
  value?: string;
  fields?: Record<string, string>;
  exposed?: 'holder' | 'weaker';
}

export interface Storing extends AsyncDisposable {
  readonly socketPath: string;
  readonly secrets: Map<string, Kept>;
  /** Paths in the order in which they were put. */
  readonly puts: string[];
  readonly daemon: StubDaemon;
  /** How many a writer was asked for at once, ask by ask. */
  readonly gestures: number[];
  /** Told before each put; what it returns is the failure of it and those after it. */
  onPut: (ask: PutItem) => object | undefined;
  entitled: boolean;
}

const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();

export async function startStoring(): Promise<Storing> {
  const secrets = new Map<string, Kept>();
  const puts: string[] = [];
  const gestures: number[] = [];
  const answers: StubAnswers = {
    'GET /v1/status': (ask) => ask.json(readyStatus),
    'GET /v1/secrets': (ask) =>
      ask.json(
        [...secrets].map(([path, { version, fields = {}, exposed }]) => ({
          path,
          version,
          fields: Object.keys(fields),
          description: '',
          updatedAt: '2026-11-23T12:00:00Z',
          entitled: storing.entitled,
          ...(exposed === undefined ? {} : { exposed }),
        })),
      ),
    'POST /v1/put': (ask) => {
      const { puts: asked } = ask.body as PutAsk; // what the command line sent
      gestures.push(asked.length);
      for (const { path, value, fields } of asked) {
        const refused = storing.onPut({ path });
        if (refused !== undefined) {
          ask.event(refused);
          break;
        }
        const version = (secrets.get(path)?.version ?? 0) + 1;
        puts.push(path);
        const held = fields && Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, text(one)]));
        secrets.set(path, { version, ...(value === undefined ? {} : { value: text(value) }), ...(held && { fields: held }) });
        ask.event({ event: 'stored', path, version, by: 'ben' });
      }
      ask.end();
    },
    'POST /v1/release': (ask) => {
      const { items } = ask.body as ReleaseAsk; // what the command line sent
      // Of a secret with fields all of them, where none is asked for: as the daemon does.
      const values = items.flatMap(({ path, field }) => {
        const kept = secrets.get(path);
        const held = Object.entries(kept?.fields ?? { '': kept?.value ?? '' });
        return held
          .filter(([name]) => field === undefined || name === field)
          .map(([name, value]) => ({
            path,
            ...(name === '' ? {} : { field: name }),
            version: kept?.version ?? 0,
            value: Buffer.from(value).toString('base64'),
          }));
      });
      ask.event({ event: 'released', from: 'approval', values, approved_by: ['ben'] });
      ask.end();
    },
  };
  const daemon = await startStubDaemon(answers);
  const storing: Storing = {
    socketPath: daemon.socketPath,
    secrets,
    puts,
    gestures,
    daemon,
    onPut: () => undefined,
    entitled: true,
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
  return storing;
}

export const denied = (): object => ({ event: 'error', ...failure('denied', 'ben did not countersign', { detail: 'E_DENIED' }) });

export interface Folder extends Disposable {
  readonly path: string;
  /** Of the daemon's clients: their state lies here. */
  readonly env: Readonly<Record<string, string>>;
  write(name: string, data: string | Uint8Array, mode?: number): string;
  read(name: string): string;
  /** All that lies in the state folder, in one. */
  state(): Buffer;
}

/** A home with a folder `shop` for the project. */
export function makeFolder(): Folder {
  const root = mkdtempSync(join(tmpdir(), 'sv-plain-'));
  const path = join(root, 'shop');
  mkdirSync(path, { mode: 0o755 });
  return {
    path,
    env: { HOME: root, STILLVAULT_HOME: join(root, 'state') },
    write(name, data, mode = 0o600) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
      writeFileSync(file, data);
      chmodSync(file, mode);
      return file;
    },
    read: (name) => readFileSync(join(path, name), 'utf8'),
    state() {
      try {
        const names = readdirSync(join(root, 'state'), { recursive: true, withFileTypes: true });
        return Buffer.concat(names.filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name))));
      } catch {
        return Buffer.alloc(0);
      }
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

export const secrets = {
  password: 'Zeppelin-4711-gate',
  stripe: `sk_live_${'4eC39HqLyjWDarjtT1zdp7dc'}`, // in two parts, so that no scanner takes this file for a leak
  url: 'postgres://shop:Hangar-0815-x@db/shop',
};
/** A file before and after. */
export const plain: string = `# shop\nPORT=3000\nexport DB_PASSWORD="${secrets.password}"   # main\r\nSTRIPE='${secrets.stripe}'\n\nDATABASE_URL = ${secrets.url}\nEMPTY=\nlast=1`;
export const rewritten =
  '# shop\nPORT=3000\nexport DB_PASSWORD="stillvault://shop/DB_PASSWORD"   # main\r\nSTRIPE=\'stillvault://shop/STRIPE\'\n\nDATABASE_URL = stillvault://shop/DATABASE_URL\nEMPTY=\nlast=1';

export function importing(folder: Folder, daemon: Storing, ...words: readonly string[]): Promise<Ended> {
  return run(['import', ...words], { cwd: folder.path, env: folder.env, socketPath: daemon.socketPath });
}
/** Exact reason of a failure. */
export function detailOf({ err }: Ended): string | undefined {
  return /\((E_[A-Z_]+)\)/.exec(err)?.[1];
}
