// Our own terminal while a program has one of its own: every key goes through as it is (spec/17-run.md §terminal). The runtime's raw mode keeps changing line ends.
import { runLibc } from './libc.ts';

export interface RawMode extends Disposable {
  /** Once more, after a stop. */
  enter(): void;
}

/** Of standard input, until disposed or the process exits in whatever way it can notice. Undefined where this system's terminal is not known. */
export function enterRawMode(): RawMode | undefined {
  const libc = runLibc();
  const saved = libc?.terminalMode(0);
  if (libc === undefined || saved === undefined) return undefined;
  const raw = libc.rawModeOf(saved);
  const leave = (): void => libc.setTerminalMode(0, saved);
  const enter = (): void => libc.setTerminalMode(0, raw);
  process.on('exit', leave);
  enter();
  return {
    enter,
    [Symbol.dispose]() {
      process.off('exit', leave);
      leave();
    },
  };
}
