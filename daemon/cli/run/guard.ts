// Cleans up behind us however we end, kill -9 included (spec/17-run.md §files): a shell in a session of its own that waits until our end of a pipe closes.
import { StillvaultError } from '../../../sdk/errors.ts';

export interface Guard extends AsyncDisposable {
  /** Ends this process group too if we are killed. */
  watch(group: number): void;
}

/** Lines from us are the group to end; the last counts, an empty one means none. The end of lines is our end. */
const script = `trap '' HUP INT QUIT TERM
group=
while IFS= read -r line; do group=$line; done
[ -z "$group" ] || kill -s TERM -- "-$group" 2>/dev/null
[ $# -eq 0 ] && exit
folder=$1
shift
for link; do case $(readlink -- "$link") in "$folder"/*) rm -f -- "$link" ;; esac; done
rm -rf -- "$folder"`;

/** Removes the folder at the end, and those of the links that lead into it. Throws error where there is no shell: then nothing may be left to it. */
export function startGuard(folder?: string, links: readonly string[] = []): Guard {
  const paths = folder === undefined ? [] : [folder, ...links];
  let shell;
  try {
    shell = Bun.spawn(['/bin/sh', '-c', script, 'stillvault-guard', ...paths], { env: {}, cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  } catch (cause) {
    throw new StillvaultError('error', 'without /bin/sh nothing would clean up if this process were killed; the program was not started', { cause });
  }
  const tell = (line: string): void => {
    void shell.stdin.write(`${line}\n`);
    void shell.stdin.flush();
  };
  return {
    watch: (group) => tell(String(group)),
    async [Symbol.asyncDispose]() {
      tell('');
      await shell.stdin.end();
      await shell.exited;
    },
  };
}
