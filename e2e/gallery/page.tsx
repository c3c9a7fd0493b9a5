// The gallery's page: the real screens over a fake app in the state that the address names, with the clock standing still.
import '../../console/style.css';
import { mountConsole } from '../../console/shell/mount.tsx';
import { type FakeApp, createFakeApp } from '../../testing/fake-app.ts';
import { type FakeStateName, fakeStates } from '../../testing/fake-states.ts';

declare global {
  interface Window {
    readonly fakeApp?: FakeApp;
  }
}

const name = new URLSearchParams(location.search).get('state') ?? '';
const state = fakeStates[(name in fakeStates ? name : 'empty') as FakeStateName]; // checked beside
const root = document.getElementById('app');
if (!root) throw new Error('no place for the app');
if (location.hash === '') history.replaceState(null, '', `#${state.at}`);
const app = createFakeApp(state);
Object.assign(window, { fakeApp: app });
mountConsole(root, app, { now: () => state.now, window, timeZone: 'UTC' });
document.documentElement.dataset['ready'] = name;
