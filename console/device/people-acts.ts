// The acts of console/app-people.ts on an opened device.
import type { ModelRow, PeopleApp } from '../app-people.ts';
import { setMachine } from './machines.ts';
import { type AuthenticatorModel, formatAaguid } from './models.ts';
import type { OpenedDevice } from './opened.ts';
import { lossRow, removeMember, setGroup, setRoles, setTerms } from './people.ts';

export function createPeopleActs(deps: {
  /** Runs an act; what it throws becomes an AppFailure. */
  readonly act: <T>(run: () => Promise<T>) => Promise<T>;
  /** Throws E_NOT_READY. */
  readonly opened: () => OpenedDevice;
}): PeopleApp {
  const { act, opened } = deps;
  return {
    setRoles: (member, roles) => act(() => setRoles(opened().drafts, member, roles)),
    removeMember: (member) => act(() => removeMember(opened().session, member)),
    lossOf: (of) => lossRow(opened().session.log.requireState(), of),
    setGroup: (input) => act(() => setGroup(opened().session, opened().drafts, input)),
    setMachine: (machine, terms) => act(() => setMachine(opened().session, machine, terms)),
    setTerms: (terms) => act(() => setTerms(opened().drafts, terms)),
    models: () => act(async () => rows(opened().models())),
    loadModels: (text) => act(async () => rows(await opened().loadModels(text))),
    seenNews: (seq) => act(() => opened().seenNews(seq)),
  };
}

const rows = (models: readonly AuthenticatorModel[]): readonly ModelRow[] =>
  models.map(({ aaguid, name, roots }) => ({ aaguid: formatAaguid(aaguid), name, roots: roots.length }));
