// Serves systemd's `LoadCredential=<id>:<socket>`: raw bytes, then the end (spec/14-helpers.md §systemd). One socket for all units.
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { parseReference } from '../../sdk/client.ts';
import { parseArguments, usage } from '../cli/terminal/arguments.ts';
import { untilSignal } from '../cli/terminal/service.ts';
import { printable } from '../cli/terminal/text.ts';
import { claim, leaseOf } from './ask.ts';
import { tell, type Helper, type HelperCall } from './helper.ts';
import type { Entry } from './mapping.ts';
import { findExact } from './match.ts';
import { unixPeer } from './unix-peer.ts';

/** `Restart=` asks again at once: after a no, a unit gets the same no for this long without anybody being asked. */
const quietMs = 60_000;

export const helper: Helper = {
  async run(call) {
    const { env, uid } = call.world;
    const args = parseArguments(call.words, { socket: { about: 'where systemd connects', takes: 'PATH' } });
    const path = args.text('socket') ?? `${env['XDG_RUNTIME_DIR'] ?? (uid === 0 ? '/run' : `/run/user/${uid}`)}/stillvault/credentials.sock`;
    const units = createUnits(call);
    const server = await listen(path, (socket) => void units.serve(socket));
    call.output.note(`serving credentials at ${printable(path)}; in the unit: LoadCredential=<id>:${printable(path)}`);
    await untilSignal(call.world);
    units.close();
    server.close();
    return 0;
  },
};

interface Units {
  serve(socket: Socket): Promise<void>;
  close(): void;
}

function createUnits(call: HelperCall): Units {
  const open = new Map<Socket, AbortController>();
  const busy = new Set<string>();
  const refusedUntil = new Map<string, number>();

  async function serve(socket: Socket): Promise<void> {
    const gone = new AbortController();
    open.set(socket, gone);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      open.delete(socket);
      gone.abort(new Error('the unit gave up'));
    });
    const name = unitOf(socket, call.world.uid);
    try {
      const entry = name === undefined ? undefined : findExact(await call.mapping(), 'systemd', name);
      if (name === undefined || entry === undefined) {
        call.output.note(`nothing is mapped for ${printable(name ?? 'a peer that is no systemd')}`);
        return void socket.end();
      }
      if (busy.has(name) || (refusedUntil.get(name) ?? 0) > call.world.now()) {
        call.output.note(`${printable(name)} asks again too soon: nobody was asked`);
        return void socket.end();
      }
      busy.add(name);
      try {
        await answer(call, entry, name, socket, gone.signal);
      } catch (error) {
        refusedUntil.set(name, call.world.now() + quietMs);
        throw error;
      } finally {
        busy.delete(name);
      }
    } catch (error) {
      tell(call, error);
      socket.end(); // the contract has no word for a no: an empty credential, which ExecStartPre= must refuse
    }
  }
  return {
    serve,
    close() {
      for (const socket of open.keys()) socket.destroy();
    },
  };
}

async function answer(call: HelperCall, entry: Entry, name: string, socket: Socket, signal: AbortSignal): Promise<void> {
  const onProgress = (event: { readonly event: string }): void => call.output.note(`${printable(name)}: ${event.event}`);
  const ask = { items: [parseReference(entry.reference)], reason: claim(`systemd ${name}`), ...leaseOf(entry) };
  const { values } = await call.client().release(ask, { signal, onProgress });
  const [value, ...more] = values;
  try {
    if (value === undefined || more.length > 0) throw usage(`${entry.reference} has several fields: map one as ${entry.reference}#<field>`);
    await new Promise<void>((resolve) => socket.end(value.bytes, resolve));
    call.output.note(`${printable(name)}: released`);
  } finally {
    for (const { bytes } of values) bytes.fill(0);
  }
}

/** `postgres.service/db`, from the name that systemd binds: `<random>/unit/<unit>/<credential>`. Only root's manager and our own are believed. */
function unitOf(socket: Socket, uid: number): string | undefined {
  const peer = unixPeer(socket);
  if (peer === undefined || (peer.uid !== 0 && peer.uid !== uid)) return undefined;
  const [, unit, id] = /^[^/]+\/unit\/([^/\p{Cc}]+)\/([^/\p{Cc}]+)$/u.exec(peer.name) ?? [];
  return unit === undefined || id === undefined ? undefined : `${unit}/${id}`;
}

async function listen(path: string, serve: (socket: Socket) => void): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const folder = lstatSync(dirname(path));
  if (!folder.isDirectory() || (folder.mode & 0o022) !== 0) throw usage(`others can write to ${dirname(path)}`, 'choose another folder with --socket');
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined) {
    if (!found.isSocket()) throw usage(`${path} is no socket`);
    unlinkSync(path);
  }
  const server = createServer(serve);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  chmodSync(path, 0o600); // root reaches it all the same
  return server;
}
