// The organisation changed from the command line, signed in a real browser: real executable, daemon, relay and console (spec/09-release.md §changes).
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { words } from '../console/ui/words.ts';
import { launchBrowser } from './harness/browser.ts';
import { type Person, newPerson } from './harness/person.ts';
import * as people from './story/person.ts';
import { type Finished, run, startUp } from './story/programs.ts';

test('a rule file, a group and a freeze are proposed at a terminal and signed on a phone', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sv-changes-'));
  try {
    await using up = await startUp(join(dir, 'data'), join(dir, 'run', 'd.sock'));
    await using browser = await launchBrowser();
    await using ben = await newPerson(browser, { name: 'ben' });
    const sv = (...args: readonly string[]): Promise<Finished> => run(args, { socketPath: up.socketPath });
    /** A proposal, and the code that its terminal shows. */
    const propose = (...args: readonly string[]): { readonly done: Promise<Finished>; readonly code: Promise<string> } => {
      const { promise: code, resolve } = Promise.withResolvers<string>();
      const onLine = (line: string): void => {
        const shown = / code (\d\d) /.exec(line)?.[1];
        if (shown !== undefined) resolve(shown);
      };
      return { done: run(args, { socketPath: up.socketPath, onLine }), code };
    };
    await people.createOrganisation(ben, up.setup, { org: 'Acme', me: 'ben', device: 'phone' });
    await people.enrolThisMachine(ben);
    await people.admitMachine(ben);

    const added = propose('group', 'add', 'on-call', '--member', 'ben', '--reason', 'rota');
    await sign(ben, 'New group on-call', added.code);
    expect(await added.done).toMatchObject({ code: 0, err: expect.stringContaining('done, signed by ben') as string });

    const file = join(dir, 'policy.yaml');
    const rule =
      '  - pattern: prod/**\n    approve:\n      - { k: 1, groups: [on-call] }\n    machines: any\n    lease: { max: 15m, uses: 20, scopes: [process] }\n';
    writeFileSync(file, (await sv('policy', 'export')).out + rule);
    expect((await sv('policy', 'diff', '-f', file)).out).toContain('New rule prod/**\n  + widens: a new rule: one of group on-call may release prod/**');
    const applied = propose('policy', 'apply', '-f', file);
    await sign(ben, 'New rule prod/**', applied.code);
    expect((await applied.done).code).toBe(0);
    expect((await sv('policy', 'check', 'prod/db')).out).toContain('prod/** is more specific than **');

    const frozen = propose('org', 'freeze', '--reason', 'laptop stolen');
    await sign(ben, 'Freeze everything', frozen.code);
    expect((await frozen.done).code).toBe(0);
    await ben.page.getByText(words.shell.frozen).first().waitFor({ state: 'attached' });
    const back = propose('org', 'unfreeze', '--reason', 'found again');
    await sign(ben, 'Unfreeze', back.code);
    expect(await back.done).toMatchObject({ code: 0, err: expect.stringContaining('done, signed by ben') as string });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}, 90_000);

/** Opens the card, picks the number that the terminal shows, and signs. */
async function sign(person: Person, what: string, code: Promise<string>): Promise<void> {
  const { page } = person;
  await people.openRequest(person, what);
  const number = page.getByRole('radio', { name: await code, exact: true });
  if (await number.count()) await number.check({ force: true });
  const button = page.getByRole('button', { name: words.review.sign, exact: true });
  const readOn = page.getByRole('button', { name: words.review.readOn, exact: true });
  await button.and(page.locator(':enabled')).waitFor();
  if (await readOn.isVisible()) await readOn.click();
  await button.click();
  await page.locator('.outcome-title', { hasText: words.review.changed }).waitFor();
}
