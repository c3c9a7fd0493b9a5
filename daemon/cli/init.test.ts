// `stillvault init` in homes as people have them: what is theirs stays byte for byte, and undo is exact (spec/13-mcp.md §init).
import { describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Ended, run } from './test-command-line.ts';

type Files = Readonly<Record<string, string>>;

const homes: Readonly<Record<string, Files>> = {
  'claude-code': {
    '.claude.json':
      '{\n  "numStartups": 41,\n  "mcpServers": {\n    "other": { "type": "stdio", "command": "other", "env": { "API_KEY": "sk-1234567890" } }\n  },\n  "unknownKey": [1, 2]\n}',
    '.claude/settings.json':
      '{\n  "permissions": { "allow": ["Bash(ls)"] },\n  "hooks": {\n    "PreToolUse": [\n      { "matcher": "Write", "hooks": [{ "type": "command", "command": "true" }] }\n    ]\n  }\n}\n',
  },
  codex: {
    '.codex/config.toml': 'model = "gpt" # my model\n\n# servers\n[mcp_servers.other]\ncommand = "other"\n\n[profiles.fast]\nmodel = "small"',
  },
  cursor: { '.cursor/mcp.json': '{ "mcpServers": { "other": { "command": "other" } } }' },
  gemini: { '.gemini/settings.json': '{\n  // mine\n  "theme": "dark",\n}\n', '.gemini/GEMINI.md': '# My rules\nBe brief.' },
  openclaw: {
    '.openclaw/openclaw.json':
      "{\n  // gateway\n  gateway: { port: 18789, },\n  secrets: {\n    providers: {\n      default: { source: 'env' },\n    },\n  },\n}\n",
  },
};

function createHome(files: Files): Disposable & { readonly home: string; text(name: string): string; all(): Files } {
  const home = mkdtempSync(join(tmpdir(), 'sv-init-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text, { mode: 0o640 });
  }
  const text = (name: string): string => readFileSync(join(home, name), 'utf8');
  return {
    home,
    text,
    all: () =>
      Object.fromEntries(
        readdirSync(home, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && !entry.parentPath.includes('/.stillvault'))
          .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
          .map((name) => [name, text(name)]),
      ),
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  };
}
const init = (home: string, ...words: readonly string[]): Promise<Ended> =>
  run(['init', ...words], { env: { HOME: home, PATH: '/usr/bin:/bin', BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' }, cwd: home });

describe.each(Object.entries(homes))('INV-MCP-INIT %s', (host, files) => {
  test('writes beside what is there, which stays as it is; again changes nothing; undo is exact', async () => {
    using place = createHome(files);
    const folders = new Set(readdirSync(place.home, { recursive: true }).map(String));
    const first = await init(place.home, host, '--yes');
    expect(first.code).toBe(0);
    for (const [name, text] of Object.entries(files)) {
      for (const line of text.split('\n').length > 1 ? text.split('\n') : []) expect(place.text(name)).toContain(line.trim());
      expect(statSync(join(place.home, name)).mode & 0o777).toBe(0o640);
    }
    expect(first.out).not.toContain('sk-1234567890');
    const written = place.all();
    expect(Object.values(written).join('\n')).toContain('stillvault');

    const second = await init(place.home, host, '--yes');
    expect([second.code, second.out]).toEqual([0, '']);
    expect(second.err).toContain('in place already');
    expect(place.all()).toEqual(written);

    expect((await init(place.home, host, '--undo', '--yes')).code).toBe(0);
    expect(place.all()).toEqual(files);
    expect(
      new Set(
        readdirSync(place.home, { recursive: true })
          .map(String)
          .filter((name) => !name.startsWith('.stillvault')),
      ),
    ).toEqual(folders);
  });

  test('in an empty home makes what is needed, and undo leaves it empty', async () => {
    using place = createHome({});
    expect((await init(place.home, host, '--yes')).code).toBe(0);
    expect(Object.keys(place.all())).not.toEqual([]);
    await init(place.home, host, '--undo', '--yes');
    expect(place.all()).toEqual({});
    expect(readdirSync(place.home)).toEqual(['.stillvault']);
  });

  test('without --yes and without a terminal shows what it would do, and does nothing', async () => {
    using place = createHome(files);
    const { code, out, err } = await init(place.home, host);
    expect(code).toBe(2);
    expect(out).toContain('stillvault');
    expect(err).toContain('--yes');
    expect(place.all()).toEqual(files);
  });

  test('what was changed since stays when ours goes', async () => {
    using place = createHome(files);
    await init(place.home, host, '--yes');
    const [name = ''] = Object.keys(files);
    const comment = name.endsWith('.toml') ? '# later\n' : '\n';
    writeFileSync(join(place.home, name), place.text(name) + comment);
    await init(place.home, host, '--undo', '--yes');
    expect(place.text(name)).toBe(files[name] + comment);
    expect(place.text(name)).not.toContain('stillvault');
  });
});

describe('INV-MCP-INIT nothing is written', () => {
  test.each([
    ['cursor', '.cursor/mcp.json', '{"mcpServers":{"stillvault":{"url":"https://other.example"}}}', 'not ours'],
    ['cursor', '.cursor/mcp.json', '{"mcpServers":', 'no JSON'],
    ['codex', '.codex/config.toml', '[mcp_servers.stillvault]\ncommand = "mine"\n', 'not ours'],
    ['codex', '.codex/config.toml', '[mcp_servers\n', 'no TOML'],
    ['codex', '.codex/config.toml', 'mcp_servers = { a = { command = "x" } }\n', 'changed safely'],
    ['claude-code', '.claude/skills/stillvault/SKILL.md', 'my own skill', 'not ours'],
  ])('%s: %s with %j', async (host, name, text, why) => {
    using place = createHome({ [name]: text });
    const { code, err } = await init(place.home, host, '--yes');
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(err).toContain('nothing was written');
    expect(place.all()).toEqual({ [name]: text });
  });
});

test.each(['', '\n', '{\n}\n', '{}'])('a file without content, %j, comes back exactly', async (text) => {
  using place = createHome({ '.cursor/mcp.json': text });
  await init(place.home, 'cursor', '--yes');
  expect(place.text('.cursor/mcp.json')).toContain('stillvault');
  await init(place.home, 'cursor', '--undo', '--yes');
  expect(place.all()).toEqual({ '.cursor/mcp.json': text });
});

test('what hosts read is right: a server that starts, with time enough', async () => {
  using place = createHome({});
  for (const host of Object.keys(homes)) await init(place.home, host, '--yes');
  const servers = [place.text('.claude.json'), place.text('.cursor/mcp.json'), place.text('.gemini/settings.json')].map(
    (text) => (JSON.parse(text) as { mcpServers: { stillvault: { command: string; args: string[]; timeout?: number } } }).mcpServers.stillvault, // cast: what init writes
  );
  const toml = Bun.TOML.parse(place.text('.codex/config.toml')) as {
    mcp_servers: { stillvault: { command: string; args: string[]; tool_timeout_sec: number } };
  }; // cast: as above
  expect(toml.mcp_servers.stillvault.tool_timeout_sec).toBe(300);
  expect(servers[2]?.timeout).toBe(300_000);
  for (const { command, args } of [...servers, toml.mcp_servers.stillvault]) {
    expect(args.at(-1)).toBe('mcp');
    const child = Bun.spawn([command, ...args.slice(0, -1), 'version'], { stdout: 'pipe' });
    expect(await new Response(child.stdout).text()).toContain('0.1');
  }
  expect(place.text('.openclaw/openclaw.json')).toContain('"jsonOnly": true');
});

test('a project: names instead of places, and the rule for Cursor', async () => {
  using place = createHome({});
  for (const host of ['claude-code', 'codex', 'cursor', 'gemini']) expect((await init(place.home, host, '--project', '--yes')).code).toBe(0);
  expect(JSON.parse(place.text('.mcp.json'))).toEqual({ mcpServers: { stillvault: { type: 'stdio', command: 'stillvault', args: ['mcp'] } } });
  expect(place.text('.cursor/rules/stillvault.mdc')).toContain('stillvault_run');
  expect(place.text('GEMINI.md')).toContain('stillvault_run');
  for (const text of Object.values(place.all())) expect(text).not.toContain(place.home);
});

test('a plugin folder for Claude Code, that its own guard works in', async () => {
  using place = createHome({});
  expect((await init(place.home, 'claude-code', '--plugin', 'plug', '--yes')).code).toBe(0);
  expect(Object.keys(place.all()).sort()).toEqual(
    ['.claude-plugin/plugin.json', '.mcp.json', 'hooks/guard.sh', 'hooks/hooks.json', 'skills/stillvault/SKILL.md'].map((name) => `plug/${name}`).sort(),
  );
  for (const name of ['.claude-plugin/plugin.json', '.mcp.json', 'hooks/hooks.json'])
    expect(() => JSON.parse(place.text(`plug/${name}`)) as unknown).not.toThrow();
  expect(place.text('plug/skills/stillvault/SKILL.md')).toStartWith('---\nname: stillvault\n');

  const guard = async (tool_name: string, tool_input: object): Promise<number> => {
    const child = Bun.spawn(['sh', join(place.home, 'plug/hooks/guard.sh')], {
      stdin: new TextEncoder().encode(JSON.stringify({ tool_name, tool_input })),
      stderr: 'ignore',
    });
    return child.exited;
  };
  expect(await guard('Bash', { command: 'stillvault get prod/db' })).toBe(2);
  expect(await guard('Bash', { command: 'stillvault get prod/db --reveal' })).toBe(2);
  expect(await guard('Bash', { command: 'cat /dev/shm/stillvault-mcp-1-x/secret' })).toBe(2);
  expect(await guard('Read', { file_path: '/dev/shm/stillvault-mcp-1-x/secret' })).toBe(2);
  expect(await guard('Bash', { command: 'stillvault get prod/db | docker login --password-stdin' })).toBe(0);
  expect(await guard('Bash', { command: 'psql --config /dev/shm/stillvault-mcp-1-x/secret' })).toBe(0);
  expect(await guard('Read', { file_path: '/etc/hosts' })).toBe(0);
});

test('a configuration that is a link into somebody’s dotfiles stays one', async () => {
  using place = createHome({ 'dotfiles/mcp.json': '{}\n' });
  mkdirSync(join(place.home, '.cursor'));
  symlinkSync('../dotfiles/mcp.json', join(place.home, '.cursor/mcp.json'));
  chmodSync(join(place.home, 'dotfiles/mcp.json'), 0o600);
  await init(place.home, 'cursor', '--yes');
  expect(place.text('dotfiles/mcp.json')).toContain('stillvault');
  await init(place.home, 'cursor', '--undo', '--yes');
  expect(place.text('dotfiles/mcp.json')).toBe('{}\n');
  expect(existsSync(join(place.home, '.cursor/mcp.json'))).toBe(true);
});
