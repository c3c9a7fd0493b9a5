// The intake's observation in the form that a request signs (spec/09-release.md §observed).
import { limits } from '../../protocol/limits.ts';
import type { Hash } from '../../protocol/hash.ts';
import type { Observed as SignedObserved } from '../../protocol/request.ts';
import type { Observation } from '../intake/observe.ts';

/** `anchorLevel`: the process that a lease would bind to; 0 = the requester. */
export function signedObserved({ observed }: Observation, anchorLevel: number): SignedObserved {
  const { exe, script, namespaces, ssh, terminal } = observed;
  const compared = Object.values(namespaces);
  return {
    argv: (observed.argv ?? []).slice(0, limits.argv),
    ancestors: observed.ancestors.slice(0, limits.ancestors).map(({ pid, exe: path, script: file, name, argv }) => ({
      pid,
      argv: [...(argv ?? [name])].slice(0, limits.argv),
      ...defined('exe', path),
      ...defined('script', file),
    })),
    namespaces: compared.length === 0 ? 'unknown' : compared.includes('other') ? 'other' : 'same',
    terminal: ssh === true ? 'ssh' : terminal === undefined ? 'unknown' : terminal === 'none' ? 'none' : 'tty',
    identity: observed.identity,
    anchor: anchorLevel,
    ...defined('uid', observed.uid),
    ...defined('pid', observed.pid),
    ...defined('startedAt', observed.startedAtMs),
    ...defined('user', observed.user),
    ...defined('exe', exe?.path),
    ...defined('exeHash', exe?.sha256 as Hash | undefined), // SHA-256 in hex, from the opened executable
    ...defined('script', script?.path),
    ...defined('scriptHash', script?.sha256 as Hash | undefined), // as above
    ...defined('cwd', observed.cwd),
    ...defined('container', observed.container === 'none' ? undefined : observed.container),
  };
}

function defined<K extends string, V>(name: K, value: V | undefined): { readonly [N in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in K]?: V }); // a computed key widens to string
}
