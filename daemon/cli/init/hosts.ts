// What each host of agents reads, and where (spec/13-mcp.md §init).
import { type Edit, fileMark } from './edit.ts';
import type { Json } from './json-text.ts';
import { cursorRule, guard, guide, skill } from './texts.ts';

export const hostNames = ['claude-code', 'codex', 'cursor', 'gemini', 'openclaw'] as const;
export type HostName = (typeof hostNames)[number];

export interface Setting {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Where it is to hold only for one project. */
  readonly project: string | undefined;
  /** How a host starts Stillvault. */
  readonly program: readonly [command: string, ...args: string[]];
  readonly version: string;
}
export interface HostPlan {
  readonly edits: readonly Edit[];
  /** What is left for the user to do. */
  readonly next: readonly string[];
}

/** Throws usage nowhere: what cannot be for a project says so in `next`. */
export function planFor(host: HostName, setting: Setting): HostPlan {
  return plans[host](setting);
}

/** Variables that lead to the daemon; some hosts pass on none that they are not told of. */
const daemonVariables = ['XDG_RUNTIME_DIR', 'STILLVAULT_SOCKET', 'STILLVAULT_HOME'];
/** A call waits 45 s for people and two minutes for a program. */
const toolTimeoutS = 300;

const plans: Readonly<Record<HostName, (setting: Setting) => HostPlan>> = {
  'claude-code'({ env, home, project, program }) {
    const folder = project === undefined ? (env['CLAUDE_CONFIG_DIR'] ?? `${home}/.claude`) : `${project}/.claude`;
    const servers =
      project === undefined ? (env['CLAUDE_CONFIG_DIR'] === undefined ? `${home}/.claude.json` : `${folder}/.claude.json`) : `${project}/.mcp.json`;
    const script = `${folder}/skills/stillvault/guard.sh`;
    const shown = project === undefined ? script : '"$CLAUDE_PROJECT_DIR"/.claude/skills/stillvault/guard.sh';
    return {
      edits: [
        server(servers, program, { type: 'stdio' }),
        { kind: 'file', file: `${folder}/skills/stillvault/SKILL.md`, text: skill, mode: 0o644 },
        { kind: 'file', file: script, text: guard, mode: 0o755 },
        {
          kind: 'item',
          file: `${folder}/settings.json`,
          path: ['hooks', 'PreToolUse'],
          value: guardHook(project === undefined ? quoted(shown) : shown),
          isOurs: isGuardHook,
        },
      ],
      next: ['start Claude Code anew; /mcp shows stillvault'],
    };
  },

  codex({ env, home, project, program: [command, ...args] }) {
    const folder = project === undefined ? (env['CODEX_HOME'] ?? `${home}/.codex`) : `${project}/.codex`;
    const lines = [
      `command = ${JSON.stringify(command)}`,
      `args = ${JSON.stringify([...args, 'mcp'])}`,
      `env_vars = ${JSON.stringify(daemonVariables)}`,
      `tool_timeout_sec = ${toolTimeoutS}`,
    ];
    return {
      edits: [
        { kind: 'toml', file: `${folder}/config.toml`, table: 'mcp_servers.stillvault', lines },
        { kind: 'file', file: `${folder}/skills/stillvault/SKILL.md`, text: skill, mode: 0o644 },
      ],
      next: ['start Codex anew; /mcp shows stillvault', 'advised in config.toml: [shell_environment_policy] inherit = "core"'],
    };
  },

  cursor({ home, project, program }) {
    const folder = `${project ?? home}/.cursor`;
    const rule: readonly Edit[] = project === undefined ? [] : [{ kind: 'file', file: `${folder}/rules/stillvault.mdc`, text: cursorRule, mode: 0o644 }];
    return {
      edits: [server(`${folder}/mcp.json`, program), ...rule],
      next: [
        'switch stillvault on in Cursor’s settings for MCP',
        ...(project === undefined ? ['in a project: stillvault init cursor --project adds the rule that teaches the agent'] : []),
      ],
    };
  },

  gemini({ home, project, program }) {
    const folder = `${project ?? home}/.gemini`;
    const guideFile = project === undefined ? `${folder}/GEMINI.md` : `${project}/GEMINI.md`;
    return {
      edits: [server(`${folder}/settings.json`, program, { timeout: toolTimeoutS * 1_000 }), { kind: 'text', file: guideFile, lines: guide }],
      next: ['start Gemini CLI anew, in a folder that it trusts; /mcp shows stillvault'],
    };
  },

  openclaw({ env, home, program: [command, ...args] }) {
    const state = env['OPENCLAW_STATE_DIR'] ?? `${home}/.openclaw`;
    const timeoutMs = 180_000;
    const value = {
      source: 'exec',
      command,
      args: [...args, 'helper', 'openclaw'],
      jsonOnly: true,
      timeoutMs,
      noOutputTimeoutMs: timeoutMs,
      passEnv: ['HOME', ...daemonVariables],
    };
    return {
      edits: [
        {
          kind: 'member',
          file: env['OPENCLAW_CONFIG_PATH'] ?? `${state}/openclaw.json`,
          path: ['secrets', 'providers', 'stillvault'],
          value,
          isOurs: hasArguments(['helper', 'openclaw']),
        },
        { kind: 'file', file: `${state}/skills/stillvault/SKILL.md`, text: skill, mode: 0o644 },
      ],
      next: [
        'refer to secrets so: {"source":"exec","provider":"stillvault","id":"prod/api-key"}',
        'OpenClaw reads them when its gateway starts: somebody has to be there to approve',
      ],
    };
  },
};

/** A folder that Claude Code takes as a plugin: for a marketplace, or claude --plugin-dir. */
export function claudePlugin(folder: string, version: string): readonly Edit[] {
  const file = (name: string, text: string, mode = 0o644): Edit => ({ kind: 'file', file: `${folder}/${name}`, text, mode });
  const json = (name: string, value: Json): Edit => file(name, `${JSON.stringify(value, null, 2)}\n`);
  return [
    json('.claude-plugin/plugin.json', {
      name: 'stillvault',
      version,
      description: `Use credentials without seeing them; a person approves each use. Written by ${fileMark}.`,
      author: { name: 'Stillvault' },
      license: 'Apache-2.0',
      keywords: ['secrets', 'credentials', 'approval'],
    }),
    json('.mcp.json', { mcpServers: { stillvault: { command: 'stillvault', args: ['mcp'] } } }),
    json('hooks/hooks.json', { description: `Written by ${fileMark}.`, hooks: { PreToolUse: [guardHook('"${CLAUDE_PLUGIN_ROOT}"/hooks/guard.sh')] } }),
    file('hooks/guard.sh', guard, 0o755),
    file('skills/stillvault/SKILL.md', skill),
  ];
}

function server(file: string, [command, ...args]: Setting['program'], more: Readonly<Record<string, Json>> = {}): Edit {
  return { kind: 'member', file, path: ['mcpServers', 'stillvault'], value: { ...more, command, args: [...args, 'mcp'] }, isOurs: hasArguments(['mcp']) };
}

/** Written by us, perhaps by another version at another place. */
function hasArguments(last: readonly string[]): (value: Json) => boolean {
  return (value) => {
    const args = typeof value === 'object' && value !== null && 'args' in value ? value['args'] : undefined;
    return Array.isArray(args) && last.every((word, at) => args.at(at - last.length) === word);
  };
}

const guardHook = (command: string): Json => ({ matcher: 'Bash|Read|Grep', hooks: [{ type: 'command', command: `sh ${command}`, timeout: 5 }] });
const isGuardHook = (value: Json): boolean => /stillvault\/guard\.sh/.test(JSON.stringify(value));
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
