// What everybody is told without asking, and what they are not bothered with (spec/11-enrolment.md §notices).
import { expect, test } from 'bun:test';
import { joined, softWorld } from '../../testing/soft-org.ts';
import { until } from '../../testing/soft-platform.ts';

test('INV-ENROL-NEWS: devices, people and terms by others are told to every member until they have seen them, over reloads', async () => {
  await using world = await softWorld();
  const ada = await world.founder();
  const ben = await joined(world, ada, 'ben');
  const cem = await joined(world, ada, 'cem');
  const id = ada.app.org()?.members.find(({ name }) => name === 'cem')?.id;
  if (!id) throw new Error('cem is not there');
  await ada.app.setRoles(id, ['approver']); // less than before: no news
  await ada.app.setTerms({ authenticators: { deviceBoundOnly: true, aaguids: [], attested: false } });
  const news = await until(ben.app, () => (ben.app.org()?.news.length === 3 ? ben.app.org()?.news : undefined), 'ben’s news');
  expect(news).toMatchObject([
    { what: 'changed the organisation’s terms', who: ['ada'] },
    { what: 'added cem’s phone of cem', who: ['ada', 'cem'] },
    { what: 'added cem (approver, writer)', who: ['ada'] },
  ]);
  expect(ada.app.org()?.news).toEqual([]); // her own
  await until(cem.app, () => cem.app.org()?.news[0], 'cem’s news');
  expect(cem.app.org()?.news).toMatchObject([{ what: 'changed the organisation’s terms' }]); // nothing from before cem came
  const again = world.reload(ben);
  await until(again.app, () => (again.app.org()?.news.length === 3 ? true : undefined), 'the news after a reload');
  await again.app.seenNews(again.app.org()?.news[1]?.seq ?? 0);
  expect(again.app.org()?.news).toMatchObject([{ what: 'changed the organisation’s terms' }]);
});
