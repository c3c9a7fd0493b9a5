// From the words of a command line to the exit code (spec/10-local-api.md §command-line).
import { createClient } from '../../sdk/client.ts';
import { StillvaultError } from '../../sdk/errors.ts';
import { catalogue } from './catalogue.ts';
import { parseArguments, usage } from './terminal/arguments.ts';
import type { Command } from './terminal/command.ts';
import { Interrupted, createOutput, exitCodeOf, toStillvaultError, type Output } from './terminal/output.ts';
import { clientEnvironment } from './terminal/places.ts';
import { printable } from './terminal/text.ts';
import type { World } from './terminal/world.ts';

export async function dispatch(words: readonly string[], world: World): Promise<number> {
  const { verb, rest } = splitVerb(words);
  let output = outputFor(world, rest, undefined);
  let command: Command | undefined;
  try {
    if (verb === undefined) {
      parseArguments(rest, {});
      return await showHelp(world, undefined);
    }
    const listed = Object.hasOwn(catalogue, verb) ? catalogue[verb] : undefined;
    if (listed === undefined) throw await unknownCommand(verb);
    ({ command } = await listed.load());
    output = outputFor(world, rest, command);
    const args = parseArguments(rest, command.options, command.stopAtOperand);
    if (args.has('help')) return await showHelp(world, verb);
    return await command.run({ args, world, output, client: () => createClient({ env: clientEnvironment(world.env) }) });
  } catch (error) {
    const failure = toStillvaultError(error);
    output.failure(failure.code === 'usage' && failure.next === undefined ? withHelp(failure, command === undefined ? undefined : verb) : failure);
    return failure instanceof Interrupted ? failure.exitCode : (command?.failureExit ?? exitCodeOf(failure));
  }
}

/** `stillvault --json get x` is `stillvault get --json x`; `--help` and `--version` alone are commands. */
function splitVerb(words: readonly string[]): { readonly verb: string | undefined; readonly rest: readonly string[] } {
  const at = words.findIndex((word) => !word.startsWith('-'));
  const before = at < 0 ? words : words.slice(0, at);
  if (at < 0 && before.some((word) => word === '--version' || word === '-V'))
    return { verb: 'version', rest: before.filter((word) => word !== '--version' && word !== '-V') };
  return { verb: words[at], rest: at < 0 ? before : [...before, ...words.slice(at + 1)] };
}

/** Read before the options are checked, so that a failure to parse them is told the way that was asked for. */
function outputFor(world: World, words: readonly string[], command: Command | undefined): Output {
  const end = words.indexOf('--');
  let own = end < 0 ? words : words.slice(0, end);
  if (command?.stopAtOperand === true) own = optionsBeforeOperand(own, command);
  const has = (name: string, short?: string): boolean => own.includes(`--${name}`) || (short !== undefined && own.includes(`-${short}`));
  return createOutput(world, {
    json: has('json'),
    quiet: has('quiet', 'q'),
    noColor: has('no-color'),
    noInput: has('no-input'),
    jsonToStderr: command?.jsonToStderr === true,
  });
}

/** The words of `run` before the program's own: its `--json` is not ours. */
function optionsBeforeOperand(words: readonly string[], { options }: Command): readonly string[] {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) return words.slice(0, at);
    const option = word.startsWith('--') ? options[word.slice(2)] : Object.values(options).find(({ short }) => word === `-${short}`);
    if (option?.takes !== undefined) at++;
  }
  return words;
}

async function showHelp(world: World, verb: string | undefined): Promise<number> {
  const { helpText } = await import('./help.ts');
  world.write(1, await helpText(verb));
  return 0;
}

async function unknownCommand(verb: string): Promise<StillvaultError> {
  const { nearest } = await import('./terminal/nearest.ts');
  const near = nearest(verb, Object.keys(catalogue));
  return usage(
    `unknown command ${printable(verb)}${near === undefined ? '' : `: did you mean ${near}?`}`,
    near === undefined ? 'stillvault help' : `stillvault ${near}`,
  );
}

function withHelp(failure: StillvaultError, verb: string | undefined): StillvaultError {
  return new StillvaultError(failure.code, failure.message, {
    next: verb === undefined ? 'stillvault help' : `stillvault ${verb} --help`,
    detail: failure.detail,
  });
}
