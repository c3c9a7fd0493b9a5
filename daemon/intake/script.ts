// Which script an interpreter was started with (spec/10-local-api.md §observed). Only option lists that are known are read: anything else is `unknown`.

/** How an interpreter got its program. `file` names a path as it stands in argv. */
export type ScriptSource = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'inline' | 'module' | 'stdin' | 'unknown' };

interface Grammar {
  readonly name: RegExp;
  /** Options that stand alone. A long option with `=` always does. */
  readonly alone: RegExp;
  /** Options whose value is the next item. */
  readonly withValue: RegExp;
  /** The program's text is an argument. */
  readonly inline?: RegExp;
  readonly module?: RegExp;
  readonly stdin?: RegExp;
  /** Words before the script, e.g. `deno run`. */
  readonly verb?: RegExp;
  readonly verbRequired?: boolean;
  /** Words in the script's place that run something else. */
  readonly otherVerbs?: RegExp;
}

const grammars: readonly Grammar[] = [
  {
    name: /^(?:node|nodejs|node-?\d+)$/,
    alone:
      /^--(?:[\w-]+=.*|inspect(?:-brk|-wait)?|enable-source-maps|no-[\w-]+|trace-(?:warnings|deprecation|uncaught|exit)|expose-gc|experimental-(?:strip-types|transform-types|vm-modules|sqlite)|watch|preserve-symlinks(?:-main)?|disable-sigusr1|test|use-system-ca)$/s,
    withValue: /^(?:-r|--require|--import|-C|--conditions|--loader|--experimental-loader|--env-file)$/,
    inline: /^(?:-e|--eval|-p|--print|-pe)$/,
    stdin: /^(?:-|-i|--interactive)$/,
  },
  {
    name: /^bun$/,
    alone: /^--(?:[\w-]+=.*|bun|smol|hot|watch|silent|no-install|no-clear-screen|install)$|^-[bi]$/s,
    withValue: /^(?:-r|--preload|--require|--import|--cwd|-c|--config|--env-file|--conditions)$/,
    inline: /^(?:-e|--eval|-p|--print)$/,
    stdin: /^-$/,
    verb: /^run$/,
    otherVerbs: /^(?:test|x|repl|exec|install|i|add|a|remove|rm|update|audit|outdated|link|unlink|publish|patch|pm|info|why|build|init|create|c|upgrade)$/,
  },
  {
    name: /^deno$/,
    alone: /^--(?:[\w-]+=.*|allow-[\w-]+|deny-[\w-]+|no-[\w-]+|quiet|unstable(?:-[\w-]+)?|check|cached-only|watch)$|^-[AqRWNESI]+$|^-[RWNESI]=.*$/s,
    withValue: /^(?:-c|--config|--import-map|--lock|--cert|--location|--seed)$/,
    stdin: /^-$/,
    verb: /^run$/,
    verbRequired: true,
  },
  {
    name: /^(?:python|pypy)[\d.]*$/,
    alone: /^-[bBdEhiIOPqsSuvx]+$|^-[WX].+$/s,
    withValue: /^-[WX]$/,
    inline: /^-[bBdEiIOPqsSuvx]*c/,
    module: /^-[bBdEiIOPqsSuvx]*m/,
    stdin: /^-$/,
  },
  {
    name: /^ruby[\d.]*$/,
    alone: /^-[wWvUs]+\d?$|^-[IrEKT].+$|^--(?:[\w-]+=.*|yjit|jit|verbose)$/s,
    withValue: /^-[IrEC]$/,
    inline: /^-[wWvUsnalp]*e/,
    stdin: /^-$/,
  },
  { name: /^perl[\d.]*$/, alone: /^-[wWTtuUscX]+$|^-[ImMCd].+$/s, withValue: /^-I$/, inline: /^-[wWTtuUsnalpi0]*[eE]/, stdin: /^-$/ },
  {
    name: /^-?(?:bash|sh|dash|zsh|ksh|ash)$/,
    alone: /^[-+][abefhkmnptuvxBCEHPTil]+$|^--(?:login|norc|noprofile|posix|restricted|verbose)$/,
    withValue: /^(?:[-+][oO]|--rcfile|--init-file)$/,
    inline: /^-[abefhkmnptuvxBCEHPTil]*c/,
    stdin: /^-$|^-[il]*s/,
  },
];

/** Undefined where the program is no interpreter that we know. `argv` is what the program was started with, or says it was. */
export function scriptOf(exePath: string, argv: readonly string[]): ScriptSource | undefined {
  const name = programName(exePath, argv);
  const grammar = grammars.find((candidate) => candidate.name.test(name));
  return grammar && readArguments(grammar, argv);
}

export function isShell(exePath: string, argv: readonly string[]): boolean {
  return grammars.at(-1)?.name.test(programName(exePath, argv)) === true;
}

/** A shell that was started for one command line, as agents and package runners do. */
export function isShellCommand(exePath: string, argv: readonly string[]): boolean {
  const shells = grammars.at(-1);
  return shells !== undefined && isShell(exePath, argv) && readArguments(shells, argv).kind === 'inline';
}

function programName(exePath: string, argv: readonly string[]): string {
  const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/\.exe$/, ''); // npm's bun is `bun.exe` everywhere
  return name(exePath) === 'busybox' ? name(argv[0] ?? '') : name(exePath); // one program, its name says which of its tools runs
}

function readArguments(grammar: Grammar, argv: readonly string[]): ScriptSource {
  let verbOpen = grammar.verb !== undefined;
  for (let at = 1; at < argv.length; at++) {
    const item = argv[at] ?? '';
    if (grammar.inline?.test(item)) return { kind: 'inline' };
    if (grammar.module?.test(item)) return { kind: 'module' };
    if (grammar.stdin?.test(item)) return { kind: 'stdin' };
    if (grammar.withValue.test(item)) at++;
    else if (item === '--') return fileAt(argv, at + 1);
    else if (verbOpen && grammar.verb?.test(item)) verbOpen = false;
    else if (verbOpen && grammar.otherVerbs?.test(item)) return { kind: 'unknown' };
    else if (!/^[-+]/.test(item)) return grammar.verbRequired === true && verbOpen ? { kind: 'unknown' } : fileAt(argv, at);
    else if (!grammar.alone.test(item)) return { kind: 'unknown' };
  }
  return { kind: grammar.verbRequired === true ? 'unknown' : 'stdin' };
}

function fileAt(argv: readonly string[], at: number): ScriptSource {
  const path = argv[at];
  return path === undefined || path === '' ? { kind: 'unknown' } : { kind: 'file', path };
}
