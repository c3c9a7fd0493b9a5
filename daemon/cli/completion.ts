// `stillvault completion`: scripts for bash, zsh and fish, made from the same tables as --help.
import { catalogue } from './catalogue.ts';
import { commonOptions, usage, type Options } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { printable } from './terminal/text.ts';

export const command: Command = {
  usage: ['completion bash|zsh|fish'],
  examples: [
    ['source <(stillvault completion bash)', 'in ~/.bashrc'],
    ['source <(stillvault completion zsh)', 'in ~/.zshrc, after compinit'],
    ['stillvault completion fish > ~/.config/fish/completions/stillvault.fish', 'once'],
  ],
  options: {},
  async run({ args, output }) {
    const [shell = '', ...more] = args.operands;
    const write = { bash, zsh, fish }[shell];
    if (write === undefined || more.length > 0) throw usage(`which shell? bash, zsh or fish${shell === '' ? '' : `; not ${printable(shell)}`}`);
    output.data(write(await loadVerbs()));
    return 0;
  },
};

interface Verb {
  readonly name: string;
  readonly about: string;
  readonly verbs: readonly string[];
  readonly options: Options;
}
/** Their first operand is the path of a secret. */
const takesPath = 'get|info|put|ls|rm';
// Paths come from the log, so other people wrote them: only those that mean nothing to a shell are offered, and never through expansion.
const harmless = 'A-Za-z0-9._/@:+-';

async function loadVerbs(): Promise<readonly Verb[]> {
  return Promise.all(
    Object.entries(catalogue).map(async ([name, { about, verbs = [], load }]) => ({
      name,
      about,
      verbs,
      options: { ...(await load()).command.options, ...commonOptions },
    })),
  );
}

function bash(verbs: readonly Verb[]): string {
  return `# stillvault completion for bash: source <(stillvault completion bash)
_stillvault() {
  local cur=\${COMP_WORDS[COMP_CWORD]} verb=\${COMP_WORDS[1]} words= path
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${verbs.map(({ name }) => name).join(' ')}'
  elif [[ $cur == -* ]]; then
    case $verb in
${verbs
  .map(
    ({ name, options }) =>
      `      ${name}) words='${Object.keys(options)
        .map((option) => `--${option}`)
        .join(' ')}' ;;`,
  )
  .join('\n')}
    esac
  elif [ "$COMP_CWORD" -eq 2 ]; then
    case $verb in
${verbs
  .filter((verb) => verb.verbs.length > 0)
  .map((verb) => `      ${verb.name}) words='${verb.verbs.join(' ')}' ;;`)
  .join('\n')}
      help) words='${verbs.map(({ name }) => name).join(' ')}' ;;
      ${takesPath})
        while IFS= read -r path; do
          [[ $path =~ ^[${harmless}]+$ && $path == "$cur"* ]] && COMPREPLY+=("$path")
        done < <(stillvault ls --names --quiet 2>/dev/null)
        return ;;
    esac
  fi
  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _stillvault stillvault
`;
}

function zsh(verbs: readonly Verb[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  return `#compdef stillvault
# stillvault completion for zsh: source <(stillvault completion zsh)
_stillvault() {
  setopt local_options extended_glob
  local -a words_ paths
  local verb=$words[2] cur=$words[CURRENT]
  if (( CURRENT == 2 )); then
    words_=(${verbs.map(({ name, about }) => quoted(`${name}:${about}`)).join(' ')})
    _describe command words_
  elif [[ $cur == -* ]]; then
    case $verb in
${verbs
  .map(
    ({ name, options }) =>
      `      ${name}) words_=(${Object.entries(options)
        .map(([option, { about }]) => quoted(`--${option}:${about.replaceAll(':', '\\:')}`))
        .join(' ')}) ;;`,
  )
  .join('\n')}
    esac
    _describe option words_
  elif (( CURRENT == 3 )); then
    case $verb in
${verbs
  .filter((verb) => verb.verbs.length > 0)
  .map((verb) => `      ${verb.name}) compadd -- ${verb.verbs.join(' ')} ;;`)
  .join('\n')}
      help) compadd -- ${verbs.map(({ name }) => name).join(' ')} ;;
      ${takesPath})
        paths=(\${(f)"$(stillvault ls --names --quiet 2>/dev/null)"})
        compadd -- \${(M)paths:#[${harmless}]##} ;;
      *) _default ;;
    esac
  else
    _default
  fi
}
compdef _stillvault stillvault
`;
}

function fish(verbs: readonly Verb[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const seen = (name: string): string => quoted(`__fish_seen_subcommand_from ${name}`);
  return [
    '# stillvault completion for fish: stillvault completion fish > ~/.config/fish/completions/stillvault.fish',
    ...verbs.map(({ name, about }) => `complete -c stillvault -n __fish_use_subcommand -f -a ${name} -d ${quoted(about)}`),
    ...verbs.flatMap(({ name, verbs: own }) => (own.length > 0 ? [`complete -c stillvault -n ${seen(name)} -f -a ${quoted(own.join(' '))}`] : [])),
    ...verbs.flatMap(({ name, options }) =>
      Object.entries(options).map(
        ([option, { about, short, takes }]) =>
          `complete -c stillvault -n ${seen(name)} -l ${option}${short === undefined ? '' : ` -s ${short}`}${takes === undefined ? '' : ' -r'} -d ${quoted(about)}`,
      ),
    ),
    `complete -c stillvault -n ${seen(takesPath.replaceAll('|', ' '))} -f -a ${quoted(`(stillvault ls --names --quiet 2>/dev/null | string match -r '^[${harmless}]+$')`)}`,
    '',
  ].join('\n');
}
