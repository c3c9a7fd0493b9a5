// The whole trail checked on a device (spec/15-audit.md §audit): what it finds in what machines wrote and what the relay shows.
import { expect, test } from 'bun:test';
import { receiptStream } from '../../protocol/org-log/record.ts';
import { decode, encode, streamPageCodec } from '../../protocol/wire.ts';
import { softWorld, value } from '../../testing/soft-org.ts';

test('an honest organisation is proven, and progress is told', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  await laptop.receipt(await laptop.ask(['prod/db']), 'expired');
  let last = 0;
  const report = await ada.app.audit((entries, receipts) => (last = entries + receipts));
  expect(report).toMatchObject({ receipts: 1, findings: [] });
  expect(last).toBe(report.entries + 1);
});

test('attack 35: a release that nobody approved, and a relay that hides a receipt', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const laptop = await world.machine(ada);
  await ada.app.putSecret({ path: 'prod/db', value: value('x'), description: '' });
  await laptop.receipt(await laptop.ask(['prod/db']), 'expired');
  await laptop.receipt(await laptop.ask(['prod/db']), 'released');
  expect((await ada.app.audit(() => undefined)).findings).toMatchObject([{ code: 'E_NO_APPROVAL', machine: 'laptop' }]);
  const stream = receiptStream(laptop.client.org, laptop.id);
  ada.platform.wire = async (url, _init, pass) => {
    if (!url.endsWith('/v1/read')) return pass();
    const page = decode(streamPageCodec, new Uint8Array(await (await pass()).arrayBuffer()), 4_194_304);
    return new Response(new Uint8Array(encode(streamPageCodec, page.head.stream === stream ? { ...page, records: page.records.slice(1) } : page)));
  };
  const { findings } = await ada.app.audit(() => undefined);
  expect(findings.map(({ code }) => code)).toContain('E_AUDIT_GAP');
});
