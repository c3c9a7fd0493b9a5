// The globals that Bun, Node and every browser have in common, as far as relay-client uses them. It compiles with these alone.
declare class AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
  static timeout(ms: number): AbortSignal;
  static any(signals: readonly AbortSignal[]): AbortSignal;
}

declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

declare class URL {
  constructor(url: string, base?: string);
  readonly origin: string;
  readonly href: string;
}

declare function setTimeout(callback: () => void, ms: number): unknown;
declare function clearTimeout(timer: unknown): void;
declare function setInterval(callback: () => void, ms: number): unknown;
declare function clearInterval(timer: unknown): void;
