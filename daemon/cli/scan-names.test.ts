// `stillvault scan`: names and commands that it prints, in files that were made so that a value or a command of others ends up there.
import { describe, expect, test } from 'bun:test';
import { tracesIn } from '../../testing/traces.ts';
import { makeFolder } from './test-storing.ts';
import { run } from './test-command-line.ts';

// Put together here, so that no scanner takes this file for a leak.
const ghp = `ghp_${'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'}`;
const webhook = `whsec_${'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'}`;
const pat = `github_pat_${'11ABCDEFG0aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9fG1hJ3kL5mN7pQ9r'}`;
const random = 'kq8ZpL2vN7xR4tW9yB3m';

describe('INV-SCAN-BLIND: a name is never the value', () => {
  test.each([
    ['a token before a colon', 'notes.txt', `${ghp}: my laptop\n`],
    ['a token that ends like an assignment', 'notes.txt', `webhook ${webhook}==\n`],
    ['a long token, of which the end would be taken', 'notes.txt', `${pat}: my laptop\n`],
    ['another token before it in the line', 'notes.txt', `${webhook}= and ${ghp}\n`],
    ['a token as a key', 'secrets.json', `{"${ghp}":{"password":"Zeppelin-4711-gate"}}\n`],
    ['a token as a section', 'a.ini', `[${ghp}]\npassword = Zeppelin-4711-gate\n`],
    ['a list that looks like a section', 'a.tfvars', `others =\n  ["${random}", "x"]\napi_token = "Zeppelin-4711-gate"\n`],
    ['a password with an @ that nobody encoded', '.git-credentials', `https://ben:hunter@${random}@git.x\n`],
  ])('%s', async (_what, file, text) => {
    using folder = makeFolder();
    folder.write(file, text);
    for (const words of [['scan'], ['scan', '--json']]) {
      const { bytes, err, code } = await run(words, { cwd: folder.path, env: folder.env });
      expect(code).toBe(1);
      const secrets = { ghp, webhook, random, tail: pat.slice(-40), gate: 'Zeppelin-4711-gate' };
      expect(tracesIn(Buffer.concat([bytes, Buffer.from(err)]), secrets)).toEqual([]);
    }
  });
});

test('the command that it proposes is one command, whatever a file is called', async () => {
  using folder = makeFolder();
  folder.write('.env.$(touch pwned); x', `DB_PASSWORD=${random}\n`);
  const { out } = await run(['scan'], { cwd: folder.path, env: folder.env });
  expect(out).toContain("stillvault import '.env.$(touch pwned); x';");
  const { findings } = JSON.parse((await run(['scan', '--json'], { cwd: folder.path, env: folder.env })).out) as { findings: { door: string }[] }; // what scan prints
  expect(findings[0]?.door).toContain(`stillvault import '${folder.path}/.env.$(touch pwned); x';`);
});
