// Sheets of the kit typed at the prompt, for a drill on this machine: put together, compared with the log's kit, forgotten (spec/18-recovery.md §metadata).
import type * as Kits from '../../../protocol/recovery.ts';
import type { KitShare } from '../../../protocol/recovery.ts';
import { StillvaultError } from '../../../sdk/errors.ts';
import { usage } from '../terminal/arguments.ts';
import type { Output } from '../terminal/output.ts';
import { promptHidden } from '../terminal/prompt.ts';
import type { World } from '../terminal/world.ts';

interface Prompt {
  readonly world: World;
  readonly output: Output;
}
const triesMax = 3;

/** Asks for as many sheets as the kit needs. Throws where they are not the kit that `sigKey` names. */
export async function drillHere(prompt: Prompt, sigKey: string): Promise<void> {
  const { world, output } = prompt;
  if (output.noInput || !world.isTerminal(0) || !world.isTerminal(2))
    throw usage('the words are typed at a terminal, never piped or passed as arguments', 'stillvault recovery drill, in a terminal');
  const [kits, { wipe, toBase64Url }] = await Promise.all([import('../../../protocol/recovery.ts'), import('../../../protocol/bytes.ts')]);
  const shares: KitShare[] = [];
  try {
    while (shares.length < (shares[0]?.t ?? 1)) shares.push(await askSheet(prompt, kits, shares));
    const secret = await kits.combineKit(shares).catch(refused);
    const { signer } = await kits.kitKeys(secret).finally(() => wipe(secret));
    if (toBase64Url(signer.publicKey) !== sigKey)
      throw new StillvaultError('error', 'these sheets are an older kit, or one of another organisation', {
        detail: 'E_KIT_MIX',
        next: 'find the sheets of the newest kit, or make a new one: stillvault recovery create',
      });
  } finally {
    wipe(...shares.map(({ share }) => share));
  }
}

async function askSheet(
  { world, output }: Prompt,
  { parseShare, wrongWord }: Pick<typeof Kits, 'parseShare' | 'wrongWord'>,
  known: readonly KitShare[],
): Promise<KitShare> {
  const [first] = known;
  for (let left = triesMax; ; left--) {
    const typed = await promptHidden(world, `words of sheet ${known.length + 1}${first ? ` of ${first.t}` : ''} (not shown): `);
    const text = new TextDecoder().decode(typed);
    typed.fill(0);
    let why: string;
    try {
      const share = parseShare(text);
      if (share.kit === (first?.kit ?? share.kit) && !known.some(({ x }) => x === share.x)) return share;
      why = share.kit === first?.kit ? 'this sheet was typed already' : 'a sheet of another kit than the first';
    } catch (error) {
      const at = wrongWord(text);
      why = at === undefined ? reasonOf(error) : `word ${at} is not the one on the paper, or it has changed places with the next`;
    }
    if (left <= 1) throw new StillvaultError('error', `this is no further sheet of the kit: ${why}`, { next: 'compare the words with the paper, one by one' });
    output.note(why);
  }
}

// The protocol's messages name places and numbers, never a word.
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^E_\w+: /, '') : 'not a sheet';
}

function refused(error: unknown): never {
  throw new StillvaultError('error', reasonOf(error), { next: 'type sheets of one kit, each once' });
}
