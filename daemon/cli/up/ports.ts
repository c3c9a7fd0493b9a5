// Ports that must stay: passkeys belong to an origin, machines and devices to a relay's address (spec/11-enrolment.md §origin).
import { connect } from 'node:net';
import { StillvaultError } from '../../../sdk/errors.ts';

export interface PortWish {
  /** For messages: `console`, `relay`. */
  readonly what: string;
  readonly option: string;
  /** By option. */
  readonly given: number | undefined;
  /** Of an earlier start. */
  readonly before: number | undefined;
  readonly usual: number;
  /** Whether an organisation depends on the port of before. Asked only when that port cannot be had. */
  readonly isPinned: () => boolean;
}

/** A port to listen on; 0 for any. Throws where only one will do and it is taken. */
export async function choosePort(wish: PortWish): Promise<number> {
  const { what, option, given, before, usual, isPinned } = wish;
  if (given !== undefined && before !== undefined && given !== before && isPinned()) {
    throw new StillvaultError(
      'usage',
      `your organisation belongs to the ${what} on port ${before}: another port would be another place for its passkeys and machines`,
      {
        next: `leave off ${option}`,
      },
    );
  }
  const port = given ?? before ?? usual;
  if (port === 0 || (await isFree(port))) return port;
  if (given !== undefined) throw taken(what, port, `choose another with ${option}`);
  if (isPinned()) throw taken(what, port, `end the program that listens there (ss -ltnp sport = :${port}): your organisation belongs to this address`);
  return 0;
}

function taken(what: string, port: number, next: string): StillvaultError {
  return new StillvaultError('error', `port ${port} for the ${what} is taken by another program`, { next });
}

/** Nobody answers on it, neither by IPv4 nor by IPv6: a browser may try either. */
async function isFree(port: number): Promise<boolean> {
  const answers = await Promise.all(['127.0.0.1', '::1'].map(async (host) => isServed(host, port)));
  return !answers.includes(true);
}

async function isServed(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host, port, timeout: 1_000 });
    const answer = (served: boolean): void => {
      probe.destroy();
      resolve(served);
    };
    probe.once('connect', () => answer(true));
    probe.once('error', () => answer(false));
    probe.once('timeout', () => answer(true));
  });
}
