// kubectl's exec credential plugin, client.authentication.k8s.io/v1 and v1beta1 (spec/14-helpers.md §kubectl).
import { z } from 'zod';
import { usage } from '../cli/terminal/arguments.ts';
import { askFor, leaseEndMs, textsOf } from './ask.ts';
import { requirePipe, type Helper } from './helper.ts';
import { namedTerms } from './named.ts';

/** What kubectl says in KUBERNETES_EXEC_INFO; `cluster` only with provideClusterInfo. */
const execInfo = z.object({
  apiVersion: z.enum(['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']),
  kind: z.literal('ExecCredential'),
  spec: z.object({ cluster: z.object({ server: z.string().max(2_048) }).exactOptional() }),
});

export const helper: Helper = {
  async run(call) {
    requirePipe(call.world);
    const info = parseInfo(call.world.env['KUBERNETES_EXEC_INFO']);
    const server = info.spec.cluster?.server;
    const { terms } = await namedTerms(call, 'kubectl', (args) => [...args.operands, ...(args.operands.length === 0 && server !== undefined ? [server] : [])]);
    const released = await askFor(call, terms, `kubectl${server === undefined ? '' : `: ${server}`}`);
    const until = leaseEndMs(released);
    const status = { ...statusOf(textsOf(released), terms.reference), ...(until === undefined ? {} : { expirationTimestamp: rfc3339(until) }) };
    call.world.write(1, `${JSON.stringify({ apiVersion: info.apiVersion, kind: 'ExecCredential', status })}\n`);
    return 0;
  },
};

function parseInfo(text: string | undefined): z.infer<typeof execInfo> {
  if (text === undefined || text === '') return { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', spec: {} };
  try {
    return execInfo.parse(JSON.parse(text));
  } catch {
    throw usage('KUBERNETES_EXEC_INFO is not of client.authentication.k8s.io/v1', 'apiVersion: client.authentication.k8s.io/v1 in the kubeconfig');
  }
}

function statusOf(texts: ReadonlyMap<string, string>, reference: string): object {
  const token = texts.get('') ?? texts.get('token');
  if (token !== undefined) return { token };
  const certificate = texts.get('client_certificate') ?? texts.get('client-certificate-data');
  const key = texts.get('client_key') ?? texts.get('client-key-data');
  if (certificate === undefined || key === undefined) throw usage(`${reference} has neither a token nor client_certificate and client_key`);
  return { clientCertificateData: certificate, clientKeyData: key };
}

/** Kubernetes takes whole seconds only. */
function rfc3339(ms: number): string {
  return new Date(Math.floor(ms / 1_000) * 1_000).toISOString().replace('.000Z', 'Z');
}
