// placeholder
import type { Helper } from './helper.ts';
export const install: Helper = { run: async () => 1 };
export const uninstall: Helper = { run: async () => 1 };
