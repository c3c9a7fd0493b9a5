// The happy path of the protocol, end to end in the fake world: what every other test builds on.
import { expect, test } from 'bun:test';
import { once } from '../protocol/request.ts';
import { World, textOf } from './world.ts';
import { answer, ask, look, open, receive } from './world-release.ts';

test('one person founds an org, stores a secret, a machine asks, the person approves, the value is there', async () => {
  const world = new World();
  await world.genesis();
  const laptop = await world.addMachine('laptop');
  await world.put('prod/db-primary', 'hunter2');
  const request = await ask(world, laptop, ['prod/db-primary']);
  const card = await look(world, world.device('ada'), request.bytes);
  expect(card.request.lease).toEqual(once);
  const approved = await receive(world, request, await answer(world, world.device('ada'), request, 'approve'));
  expect((await open(world, laptop, request, [approved])).map(textOf)).toEqual(['hunter2']);
});

test('two of three people and one machine open two secrets with one request', async () => {
  const world = new World();
  await world.genesis();
  await world.addMember('ben');
  await world.addMember('eve');
  await world.approvers('prod/db', 2, ['ada', 'ben', 'eve']);
  const laptop = await world.addMachine('laptop');
  await world.put('prod/db', 'first');
  await world.put('prod/api', 'second');
  const request = await ask(world, laptop, ['prod/db', 'prod/api']);
  const answers = [];
  for (const name of ['eve', 'ada']) answers.push(await receive(world, request, await answer(world, world.device(name), request, 'approve')));
  expect((await open(world, laptop, request, answers)).map(textOf)).toEqual(['first', 'second']);
});

test('the same seed gives the same organisation', async () => {
  const [one, two, three] = [new World('a'), new World('a'), new World('b')];
  for (const world of [one, two, three]) await world.genesis();
  expect(one.state.org).toBe(two.state.org);
  expect(one.state.org).not.toBe(three.state.org);
});
