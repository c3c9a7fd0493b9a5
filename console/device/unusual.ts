// What is unusual about a request, against what this device saw before (product.md §card).
import type { VerifiedRequest } from '../../protocol/request.ts';
import { mixesScripts } from '../../protocol/text.ts';
import type { PastRow } from './history.ts';

const denialMs = 60 * 60_000;

export function unusualOf({ request, machine, items }: VerifiedRequest, past: readonly PastRow[], deniedAt: number, now: number): readonly string[] {
  const { observed, claimed } = request;
  const releases = past.filter(({ kind }) => kind === 'release');
  const sameBinary = releases.some(({ exeHash }) => exeHash !== undefined && exeHash === observed.exeHash);
  const samePath = releases.some(({ exe }) => exe !== undefined && exe === observed.exe);
  const found: (readonly [boolean, string])[] = [
    [observed.exe === undefined || observed.exeHash === undefined, 'program unknown'],
    [observed.exeHash !== undefined && !sameBinary && samePath, 'new binary at this path'],
    [observed.exeHash !== undefined && !sameBinary && !samePath, 'first time for this program'],
    [!releases.some((row) => row.machine === machine.machine), 'first time for this machine'],
    [items.some(({ item }) => !releases.some(({ secrets }) => secrets.includes(item.secret))), 'first time for this secret'],
    [now - deniedAt < denialMs || past.some((row) => row.kind === 'deny' && row.machine === machine.machine && now - row.at < denialMs), 'after a denial'],
    [observed.identity === 'unverified', 'identity unverified'],
    [observed.container !== undefined, 'container'],
    [observed.namespaces === 'other', 'other namespaces'],
    [observed.namespaces === 'unknown', 'namespaces unknown'],
    [mixesScripts(machine.name), 'mixed alphabets in the machine’s name'],
    [mixesScripts(claimed.reason) || mixesScripts(claimed.agent), 'mixed alphabets in the claim'],
  ];
  return found.filter(([holds]) => holds).map(([, words]) => words);
}
