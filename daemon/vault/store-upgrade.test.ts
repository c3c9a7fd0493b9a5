// State that an earlier version wrote is taken over as it is (spec/09-release.md §persistence).
import { Database } from 'bun:sqlite';
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDaemonStore } from './store.ts';

test('version 1, which knew neither needs nor snapshots: its counter goes on, and needs can be kept', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sv-store-'));
  const path = join(dir, 'state.db');
  {
    using store = openDaemonStore(path);
    store.nextCounter();
  }
  const before = new Database(path);
  before.exec('DROP TABLE needs; DROP TABLE snapshot; DROP TABLE halt; DROP TABLE passed; PRAGMA user_version = 1;');
  before.close();
  using store = openDaemonStore(path);
  expect(store.nextCounter()).toBe(2);
  const need = { path: 'prod/x', request: new Uint8Array([1]), seed: new Uint8Array([2]), postedAt: 3, end: '' };
  store.putNeed(need);
  expect(store.needs()).toEqual([need]);
  store.dropNeed('prod/x');
  expect(store.needs()).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
});
