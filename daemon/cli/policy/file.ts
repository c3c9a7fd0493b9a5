// policy.yaml: read strictly, with the line of what is wrong; written so that reading it changes nothing (spec/06-policy.md §file).
import { readFileSync, statSync } from 'node:fs';
import { LineCounter, type ParsedNode, isAlias, isNode, parseAllDocuments, stringify, visit } from 'yaml';
import type { OrgSummary, PolicyFile } from '../../../protocol/local-api/admin.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { printable } from '../terminal/text.ts';
import type { World } from '../terminal/world.ts';

const maxBytes = 262_144;
const schemaLine = '# yaml-language-server: $schema=./policy.schema.json';

/** `-` is standard input. Throws usage with the line. */
export async function readPolicyFile(path: string, world: Pick<World, 'readInput'>): Promise<PolicyFile> {
  if (path !== '-' && statSync(path, { throwIfNoEntry: false }) === undefined) throw wrong(`there is no file ${printable(path)}`);
  if (path !== '-' && statSync(path).size > maxBytes) throw wrong('a policy file of more than 256 KiB');
  const bytes = path === '-' ? world.readInput(maxBytes) : readFileSync(path);
  if (bytes.length > maxBytes) throw wrong('a policy file of more than 256 KiB');
  return parsePolicyFile(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

export async function parsePolicyFile(text: string): Promise<PolicyFile> {
  const { policyFile } = await import('../../admin/terms.ts');
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, strict: true, uniqueKeys: true, merge: false, logLevel: 'error' });
  const [document, ...more] = 'empty' in documents ? [] : documents;
  if (!document) throw wrong('the file is empty');
  if (more.length > 0) throw wrong('several documents in one file');
  const [error] = [...document.errors, ...document.warnings];
  if (error) throw wrong(error.message.split('\n')[0] ?? 'no YAML', error.linePos?.[0].line);
  // What is written once is read once: an alias would let few bytes become many.
  visit(document, (_key, node) => {
    if (isAlias(node) || (isNode(node) && 'anchor' in node && node.anchor)) throw wrong('anchors and aliases are not read here', lineOf(lines, node));
  });
  const parsed = policyFile.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.map((part) => (typeof part === 'symbol' ? '' : part)) ?? [];
  const what = issue?.code === 'invalid_type' && issue.message.endsWith('received undefined') ? 'is missing' : (issue?.message ?? 'not as it should be');
  throw wrong(`${pathText(path)}: ${what}`, lineOf(lines, nearestNode(document, path)));
}

/** The node at the path, or the last one on the way that is there. */
function nearestNode(
  document: { getIn(path: readonly (string | number)[], keep: true): unknown; readonly contents: ParsedNode | null },
  path: readonly (string | number)[],
): unknown {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node;
  }
  return document.contents;
}

function lineOf(lines: LineCounter, node: unknown): number | undefined {
  return isNode(node) && node.range ? lines.linePos(node.range[0]).line : undefined;
}

/** `policies[2].lease.max` */
function pathText(path: readonly (string | number)[]): string {
  return path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${printable(part)}`)).join('') || 'the file';
}

function wrong(what: string, line?: number): StillvaultError {
  return new StillvaultError('usage', `${line === undefined ? '' : `line ${line}: `}${what}`, { detail: 'E_POLICY_FILE', next: 'stillvault policy schema' });
}

export function writePolicyFile({ name, groups, policies }: OrgSummary): string {
  const isOnly = ({ name: label }: { readonly name: string }): boolean => groups.filter((other) => other.name === label).length === 1;
  const file: PolicyFile = {
    version: 1,
    groups: Object.fromEntries(groups.filter(({ members }) => members.length > 0).map((group) => [isOnly(group) ? group.name : group.id, group.members])),
    policies: policies.map(({ words: _, ...terms }) => terms),
  };
  const about = `# Policies of ${printable(name)}. Change them here, then: stillvault policy diff -f policy.yaml`;
  return `${schemaLine}\n${about}\n${stringify(file, { lineWidth: 120, flowCollectionPadding: true })}`;
}
