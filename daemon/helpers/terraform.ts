// `terraform-credentials-stillvault [args] get|store|forget <host>` of Terraform and OpenTofu (spec/14-helpers.md §terraform).
import { StillvaultError } from '../../sdk/errors.ts';
import { usage } from '../cli/terminal/arguments.ts';
import { askFor, endLeasesOf, loginOf } from './ask.ts';
import { requirePipe, type Helper } from './helper.ts';
import { findExact, normalise } from './match.ts';

export const helper: Helper = {
  async run(call) {
    const [operation, host = ''] = call.words.slice(-2); // arguments of the configuration come first
    if (host === '' || host.startsWith('-')) throw usage('terraform gives get, store or forget, and a host');
    const entry = findExact(await call.mapping(), 'terraform', normalise('terraform', host));
    if (operation === 'get') {
      requirePipe(call.world);
      const password = entry && loginOf(await askFor(call, entry, `terraform: ${host}`), entry).password;
      call.world.write(1, `${JSON.stringify(password === undefined ? {} : { token: password })}\n`); // {}: terraform goes on without a token
      return 0;
    }
    if (operation === 'store')
      throw new StillvaultError('usage', 'nothing was stored: a secret comes in through a person', {
        next: 'stillvault put <path>; stillvault helper map terraform <host> <path>',
      });
    if (operation !== 'forget') throw usage('terraform knows get, store and forget');
    if (entry !== undefined) await endLeasesOf(call, entry, `terraform logout ${host}`);
    return 0;
  },
};
