// npm test itself: what fails in any way is counted as failed, and the last line says so.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './tree.ts';

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'stillvault-runner-'));
  for (const folder of ['tools', 'room', 'e2e']) await mkdir(join(project, folder));
  await cp(join(root, 'tools/test.mjs'), join(project, 'tools/test.mjs'));
  await symlink(join(root, 'node_modules'), join(project, 'node_modules'));
  await write('room/good.test.ts', "test('good', () => {});");
  await write('e2e/story.test.ts', "test('story', () => {});");
});

afterEach(() => rm(project, { recursive: true, force: true }));

const write = (path: string, body: string): Promise<void> => writeFile(join(project, path), `import { test } from 'bun:test';\n${body}\n`);

async function run(...args: string[]): Promise<{ code: number; last: string }> {
  const child = Bun.spawn(['node', 'tools/test.mjs', ...args], { cwd: project, stdout: 'pipe', stderr: 'ignore' });
  const [code, text] = await Promise.all([child.exited, new Response(child.stdout).text()]);
  return { code, last: text.trimEnd().split('\n').at(-1) ?? '' };
}

test('all groups are summed', async () => expect(await run()).toEqual({ code: 0, last: '2 passed, 0 failed' }));

test('a failed test, and one that is skipped', async () => {
  await write('room/bad.test.ts', "test('bad', () => { throw new Error('bad'); });\ntest.skip('later', () => {});");
  expect(await run()).toEqual({ code: 1, last: '2 passed, 1 failed, 1 skipped' });
});

test('a file that does not load', async () => {
  await write('room/broken.test.ts', "import './nowhere.ts';\ntest('never', () => {});");
  expect(await run()).toEqual({ code: 1, last: '2 passed, 1 failed' });
});

test('a process that ends itself, pretending success', async () => {
  await write('e2e/story.test.ts', "test('story', () => process.exit(0));");
  expect(await run()).toEqual({ code: 1, last: '1 passed, 1 failed' });
});

test('a group without tests', async () => {
  await rm(join(project, 'e2e/story.test.ts'));
  expect(await run()).toEqual({ code: 1, last: '1 passed, 1 failed' });
});

test('the vectors in Node count by their last line', async () => {
  await writeFile(join(project, 'tools/vectors-node.mjs'), "console.log('7 passed, 0 failed');");
  expect(await run()).toEqual({ code: 0, last: '9 passed, 0 failed' });
});

test('one group, one name', async () => {
  expect(await run('--only', 'unit')).toEqual({ code: 0, last: '1 passed, 0 failed' });
  expect(await run('--grep', 'story')).toEqual({ code: 0, last: '1 passed, 0 failed' });
  expect((await run('--grep', 'nothing has this name')).code).toBe(1);
  expect((await run('--only', 'nothing')).code).toBe(2);
});
