// A program on a terminal of its own, between it and ours (spec/17-run.md §terminal): keys in, masked output out, size and signals passed on.
import { StillvaultError } from '../../../sdk/errors.ts';
import type { Signal, World } from '../terminal/world.ts';
import { runLibc } from './libc.ts';
import { createScreen } from './masking.ts';
import type { Running, Start } from './program.ts';
import { enterRawMode, type RawMode } from './raw-mode.ts';

/** The program leads a session, so that Ctrl-C, Ctrl-Z and `fg` mean inside what they mean outside. */
export function startOnTerminal(world: World, { path, argv, env, descriptors, mask }: Start): Running {
  if (mask === undefined) throw new StillvaultError('error', 'nothing to mask needs no terminal in between');
  const { promise: eof, resolve: onEof } = Promise.withResolvers<void>();
  const screen = createScreen(mask.stream(), (bytes) => world.write(1, bytes));
  const raw = enterRawMode();
  if (raw === undefined) throw new StillvaultError('error', 'this terminal cannot be passed on', { next: 'add --no-tty' });
  let child: Bun.Subprocess;
  try {
    // Not a Terminal of our own making: that would hold the other side open too, and its end would never be seen.
    child = Bun.spawn([path, ...argv.slice(1)], {
      argv0: argv[0] ?? path,
      env: { ...env },
      stdio: ['inherit', 'inherit', 'inherit', ...descriptors],
      terminal: { ...sizeOfOurs(), data: (_terminal, data) => screen.show(data), exit: () => onEof() },
    });
    const { terminal } = child;
    if (terminal === undefined) throw new StillvaultError('error', 'the runtime gave no terminal');
    const keys = connectKeys(terminal);
    const drained = child.exited
      .then(() => screen.drained(eof))
      .finally(() => {
        keys[Symbol.dispose]();
        terminal.close();
        raw[Symbol.dispose]();
      });
    return { child, hasGroup: true, drained, onSignal: (signal) => (signal === 'SIGWINCH' || signal === 'SIGCONT') && adapt(terminal, raw, signal) };
  } catch (error) {
    raw[Symbol.dispose]();
    throw error;
  }
}

function connectKeys(terminal: Bun.Terminal): Disposable {
  const onData = (data: Buffer): void => void terminal.write(data);
  process.stdin.resume().on('data', onData);
  return { [Symbol.dispose]: () => void process.stdin.off('data', onData).pause() };
}

/** Another size; or we were stopped from outside, and whoever was there meanwhile had the terminal in another mode. */
function adapt(terminal: Bun.Terminal, raw: RawMode, signal: Signal): void {
  if (signal === 'SIGCONT') raw.enter();
  const { cols, rows } = sizeOfOurs();
  terminal.resize(cols, rows);
}

function sizeOfOurs(): { readonly cols: number; readonly rows: number } {
  return runLibc()?.terminalSize(0) ?? { cols: 80, rows: 24 };
}
