// The check of the arrows can fail: made-up imports that break them are reported, those that keep them are not.
import { describe, expect, test } from 'bun:test';
import { verifyImports } from './boundaries.ts';

const findings = (path: string, text: string): string[] => verifyImports(path, text).map(({ line, what }) => `${line} ${what}`);

describe('an import that breaks the arrows is reported', () => {
  const breaking: readonly (readonly [situation: string, path: string, text: string, expected: RegExp])[] = [
    [
      'the relay looks into the protocol',
      'relay/routes/records.ts',
      "\nimport { openSecret } from '../../protocol/custody.ts';",
      /^2 imports protocol\/custody\.ts: relay may import protocol\/wire/,
    ],
    ['the relay takes a type of the protocol', 'relay/server.ts', "import type { Entry } from '../protocol/org-log/entry.ts';", /protocol\/wire/],
    [
      'the protocol asks the platform',
      'protocol/codec.ts',
      "import { readFileSync } from 'node:fs';",
      /^1 imports node:fs: the packages of protocol are cborg/,
    ],
    ['the protocol takes a package that is not on its list', 'protocol/keys.ts', "export { p256 } from '@noble/curves/nist.js';", /@noble\/curves/],
    [
      'over several lines',
      'console/main.tsx',
      "import {\n  one,\n  two,\n} from '../daemon/vault/keys.ts';",
      /^1 imports daemon\/vault\/keys\.ts: console may import protocol, relay-client/,
    ],
    ['a re-export', 'relay/server.ts', "export * from '../protocol/seal.ts';", /protocol\/seal/],
    ['by side effect', 'sdk/client.ts', "import '../daemon/main.ts';", /sdk may import protocol\/local-api/],
    ['by import()', 'relay/main.ts', "const seal = await import('../protocol/seal.ts');", /protocol\/seal/],
    ['by require()', 'protocol/hash.ts', "const { createHash } = require('crypto');", /imports crypto/],
    ['a command loads a server at once', 'daemon/cli/up.ts', "import { startRelay } from '../../relay/main.ts';", /only lazily/],
    ['shipped code uses the fake world', 'daemon/main.ts', "import { fakeClock } from '../testing/clock.ts';", /only tests may/],
    ['shipped code imports a test', 'daemon/main.ts', "import { helper } from './vault.test.ts';", /only tests may/],
    ['the target is computed', 'console/main.tsx', 'await import(`./${name}.ts`);', /only known when it runs/],
    ['a file outside every room', 'lib/util.ts', '', /no room/],
  ];
  for (const [situation, path, text, expected] of breaking) {
    test(situation, () => {
      const found = findings(path, text);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(expected);
    });
  }
});

describe('an import that keeps the arrows is not', () => {
  const keeping: readonly (readonly [situation: string, path: string, text: string])[] = [
    ['the relay reads the wire contract', 'relay/routes/records.ts', "import { parseCall } from '../../protocol/wire.ts';"],
    ['a room imports itself', 'daemon/vault/keys.ts', "import { DaemonError } from '../errors.ts';"],
    ['a subpath of an allowed package', 'protocol/hash.ts', "import { sha256 } from '@noble/hashes/sha2.js';"],
    ['a command loads a server when it runs', 'daemon/cli/up.ts', "const { startRelay } = await import('../../relay/main.ts');"],
    ['a type of what is loaded later', 'daemon/cli/up.ts', "import type { Relay } from '../../relay/main.ts';"],
    ['a test imports what it wants', 'relay/server.test.ts', "import { fakeClock } from '../testing/clock.ts';"],
    ['an import in a comment', 'relay/server.ts', "// import { a } from '../protocol/seal.ts';\n/* import('../protocol/seal.ts') */"],
    ['an import in a sentence', 'relay/server.ts', "const text = 'import x from there';"],
    ['import.meta', 'daemon/main.ts', 'if (import.meta.main) await run();'],
  ];
  for (const [situation, path, text] of keeping) test(situation, () => expect(findings(path, text)).toEqual([]));
});
