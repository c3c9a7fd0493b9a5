// Starts the console: first something to see, then the device with its cryptography, then the screens over it (ARCHITECTURE.md).
import './style.css';
import { registerWorker } from './platform/register-worker.ts';
import { loadLatePages } from './shell/late.tsx';
import { mountConsole, showOpening, showStartFailure } from './shell/mount.tsx';

const root = document.getElementById('app');
if (!root) throw new Error('index.html has no place for the app');

showOpening(root);
try {
  const [{ createApp }, { createBrowserPlatform }] = await Promise.all([import('./device/app-impl.ts'), import('./platform/browser.ts')]);
  mountConsole(root, createApp(createBrowserPlatform()), { now: Date.now, window });
  registerWorker(navigator);
  await loadLatePages();
} catch (error) {
  showStartFailure(root, error);
  throw error;
}
