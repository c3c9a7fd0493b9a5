// `stillvault init`: lets an agent's host start `stillvault mcp`, and teaches the agent the right verbs (spec/13-mcp.md §init).
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { type FileChange, diffLines, memoryFile, planChanges, planUndo, readMemory, removeFolders, writeChanges, writeMemory } from './init/files.ts';
import { type HostName, type Setting, claudePlugin, hostNames, planFor } from './init/hosts.ts';
import { type Found, findProgram } from './run/find-program.ts';
import { usage } from './terminal/arguments.ts';
import type { Call, Command } from './terminal/command.ts';
import { dataFolder } from './terminal/places.ts';
import { printable } from './terminal/text.ts';
import type { World } from './terminal/world.ts';
import { ownProgram as shellWords } from './up/launcher.ts';

export const command: Command = {
  usage: [`init ${hostNames.join('|')} [--project] [--yes | --undo]`],
  examples: [
    ['stillvault init claude-code', 'show what would be written, and ask'],
    ['stillvault init codex --yes', 'write it'],
    ['stillvault init cursor --project --yes', 'for this folder only'],
    ['stillvault init claude-code --plugin ./stillvault-plugin --yes', 'a plugin folder for Claude Code'],
    ['stillvault init gemini --undo --yes', 'take exactly that back'],
  ],
  options: {
    yes: { about: 'write without asking', short: 'y' },
    undo: { about: 'take back what init wrote' },
    project: { about: 'for the project in this folder instead of all of yours' },
    plugin: { about: 'claude-code: write a plugin folder there, and nothing else', takes: 'DIR' },
  },
  notes: [
    'Merges into what is there: comments, unknown keys and layout stay as they are.\nOnly lines that change are shown. A server named stillvault that is not ours is\nnot touched.',
  ],
  async run(call) {
    const { args, world, output } = call;
    const [name, ...more] = args.operands;
    const host = hostNames.find((known) => known === name);
    if (host === undefined || more.length > 0) throw usage(`init which host? one of ${hostNames.join(', ')}`);
    const { edits, next } = planOf(host, call);
    const file = memoryFile(
      dataFolder(world.env, undefined),
      createHash('sha256')
        .update(JSON.stringify([host, edits.map((edit) => edit.file)]))
        .digest('hex')
        .slice(0, 16),
    );
    const before = readMemory(file);
    const { changes, memory } = args.has('undo') ? { changes: planUndo(edits, before), memory: before } : planChanges(edits, before);
    const real = changes.filter((change) => change.after !== change.before);
    if (output.json) output.jsonLine({ host, changes: real.map((change) => ({ file: change.file, diff: diffLines(change) })), written: args.has('yes') });
    else show(call, real);
    if (real.length === 0) {
      output.note(args.has('undo') ? 'nothing of ours is there' : 'everything is in place already');
      return 0;
    }
    if (!args.has('yes') && !(await confirmed(call))) {
      output.note('nothing was written');
      return 1;
    }
    if (!args.has('undo')) writeMemory(file, memory); // first: what is not remembered cannot be taken back exactly
    writeChanges(real);
    if (args.has('undo')) {
      removeFolders(memory);
      rmSync(file, { force: true });
    } else for (const line of next) output.note(line);
    return 0;
  },
};

function planOf(host: HostName, { args, world }: Call): ReturnType<typeof planFor> {
  const cwd = process.cwd();
  const plugin = args.text('plugin');
  if (plugin !== undefined && (host !== 'claude-code' || args.has('project'))) throw usage('--plugin is for claude-code, without --project');
  if (plugin !== undefined) return { edits: claudePlugin(resolve(cwd, plugin), world.version), next: [`try it: claude --plugin-dir ${plugin}`] };
  if (host === 'openclaw' && args.has('project')) throw usage('OpenClaw has one configuration: without --project');
  const home = world.env['HOME'] ?? '';
  if (!home.startsWith('/')) throw usage('there is no HOME');
  const project = args.has('project') ? cwd : undefined;
  return planFor(host, {
    env: nonEmpty(world.env),
    home,
    project,
    program: project === undefined ? ownProgram(world) : ['stillvault'],
    version: world.version,
  });
}

/** As absolute as it gets: hosts with windows have another PATH than the terminal. What is for a project is shared, so there it is a name. */
function ownProgram(world: World): Setting['program'] {
  const found: Found = findProgram('stillvault', world.env['PATH']);
  if (found.kind === 'found') return [resolve(found.path)];
  const launcher = `${dataFolder(world.env, undefined)}/bin/stillvault`;
  if (existsSync(launcher)) return [launcher];
  return ['/bin/sh', '-c', `exec ${shellWords()} "$@"`, 'stillvault'];
}

function show({ output }: Call, changes: readonly FileChange[]): void {
  for (const change of changes) {
    const what = change.before === undefined ? ' (new)' : change.after === undefined ? ' (removed)' : '';
    output.data(`${output.style.bold(printable(change.file))}${what}\n`);
    for (const line of diffLines(change))
      output.data(`${(line.startsWith('+') ? output.style.green : line.startsWith('-') ? output.style.red : output.style.dim)(printable(line))}\n`);
  }
}

async function confirmed({ world, output }: Call): Promise<boolean> {
  if (output.noInput || !world.isTerminal(0) || !world.isTerminal(2))
    throw usage('nothing was written: there is nobody to ask', 'look at the lines above, then add --yes');
  world.write(2, 'write this? [y/N] ');
  const { promise, resolve: answer } = Promise.withResolvers<string>();
  using _keys = world.onKeys((keys) => answer(keys));
  const key = await promise;
  world.write(2, '\n');
  return /^[yY]/.test(key);
}

/** A variable that is set to nothing counts as not set. */
function nonEmpty(env: World['env']): World['env'] {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}
