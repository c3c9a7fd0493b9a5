// Where things are for this user: state, socket (spec/10-local-api.md §socket).

type Environment = Readonly<Record<string, string | undefined>>;

/** Of `up` and `daemon`: --data, else STILLVAULT_HOME, else ~/.stillvault. */
export function dataFolder(env: Environment, given: string | undefined): string {
  return given ?? nonEmpty(env['STILLVAULT_HOME']) ?? `${env['HOME'] ?? ''}/.stillvault`;
}

/** Where a daemon listens when nothing else is said; sdk/socket-path.ts looks in the same places. */
export function socketToServe(env: Environment, data: string | undefined): string {
  const own = data ?? nonEmpty(env['STILLVAULT_HOME']);
  const runtime = nonEmpty(env['XDG_RUNTIME_DIR']);
  return (
    nonEmpty(env['STILLVAULT_SOCKET']) ??
    (own === undefined ? undefined : `${own}/run/daemon.sock`) ??
    (runtime === undefined ? undefined : `${runtime}/stillvault/daemon.sock`) ??
    `${env['HOME'] ?? ''}/.stillvault/run/daemon.sock`
  );
}

/** A client finds the daemon of its STILLVAULT_HOME too. */
export function clientEnvironment(env: Environment): Environment {
  const home = nonEmpty(env['STILLVAULT_HOME']);
  return nonEmpty(env['STILLVAULT_SOCKET']) !== undefined || home === undefined ? env : { ...env, STILLVAULT_SOCKET: `${home}/run/daemon.sock` };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
