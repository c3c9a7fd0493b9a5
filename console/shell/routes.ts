// Addresses inside the console: all in the fragment, so that no server ever sees where a person is.

export const pages = ['inbox', 'secrets', 'leases', 'machines', 'people', 'history'] as const;
export type PageName = (typeof pages)[number];

export interface Route {
  readonly page: PageName | 'join' | 'recovery';
  /** The request, secret or invitation that is open; the step of the recovery, or the org that a sheet names. */
  readonly open?: string;
  /** The relay that a sheet of the recovery kit names. */
  readonly relay?: string;
  readonly form?: 'put' | 'invite' | 'rule';
}

/** An address that is not ours leads to the inbox: nothing is decided by opening an address. */
export function parseRoute(hash: string): Route {
  const [page = '', open = '', form = ''] = hash.replace(/^#\/?/, '').split('/').map(decode);
  if (/^(?:join\b|invite=)/.test(page)) return { page: 'join' };
  if (page === 'review' && open !== '') return { page: 'inbox', open };
  if (page === 'recovery') return { page, ...(open === '' ? {} : { open }), ...(form === '' ? {} : { relay: form }) };
  const known = pages.find((name) => name === page);
  if (known === undefined) return { page: 'inbox' };
  if (isForm(open)) return { page: known, form: open };
  return { page: known, ...(open === '' ? {} : { open }), ...(isForm(form) ? { form } : {}) };
}

export function formatRoute({ page, open, form, relay }: Route): string {
  const name = page === 'inbox' && open !== undefined ? 'review' : page;
  return `#/${[name, open, form, relay]
    .filter((part) => part !== undefined)
    .map(encodeURIComponent)
    .join('/')}`;
}

const isForm = (word: string): word is 'put' | 'invite' | 'rule' => word === 'put' || word === 'invite' || word === 'rule';

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
