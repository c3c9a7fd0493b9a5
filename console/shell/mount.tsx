// Puts the screens for an app into the page.
import { render } from 'preact';
import type { App } from '../app.ts';
import { type Store, StoreContext, type World, createStore } from './store.ts';
import { failureOf } from '../ui/failure.ts';
import { FailureNote } from '../ui/note.tsx';
import { Opening, Shell } from './view.tsx';

/** What is on screen until the device behind it is loaded. */
export function showOpening(root: Element): void {
  render(<Opening />, root);
}

/** The device behind the screens could not be loaded. */
export function showStartFailure(root: Element, error: unknown): void {
  render(
    <main class="solo">
      <FailureNote failure={failureOf(error)} />
    </main>,
    root,
  );
}

export function mountConsole(root: Element, app: App, world: World): Store {
  const store = createStore(app, world);
  render(
    <StoreContext.Provider value={store}>
      <Shell />
    </StoreContext.Provider>,
    root,
  );
  return store;
}
