// The console's icons: one stroke weight, drawn on 24 × 24, in the colour of the text around them. Never the only carrier of a meaning.
import type { JSX } from 'preact';

const paths = {
  inbox: 'M4 13.5 6.6 5.6A1 1 0 0 1 7.5 5h9a1 1 0 0 1 .9.6L20 13.5V18a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM4 13.5h4.5L10 16h4l1.5-2.5H20',
  key: 'M8 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12.5 12H21.5v3.5M17.5 12v2.5',
  lease: 'M12 21a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 8v4.8l3 1.9M9.5 1.8h5',
  machine: 'M5 4.5h14a1 1 0 0 1 1 1v5H4v-5a1 1 0 0 1 1-1zM4 10.5h16v7a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM7.5 7.5h.01M7.5 14.5h.01M11 7.5h5.5M11 14.5h5.5',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18.2 13.6a6.5 6.5 0 0 1 3.3 5.9',
  history: 'M4 12a8 8 0 1 1 2.6 5.9M4 12H2m2 0 2.5-1.5M6.3 21v-3.4h3.4M12 8v4.5l3 1.8',
  check: 'm5 12.5 4.6 4.6L19 7.5',
  cross: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  warning: 'M12 4 2.8 19.5h18.4zM12 10v4.5M12 17.2v.01',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  speech: 'M4.5 5h15a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1H11L6.5 20v-3.5h-2a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z',
  back: 'm14.5 5-7 7 7 7',
  down: 'm5 9 7 7 7-7',
  copy: 'M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9',
  plus: 'M12 5v14M5 12h14',
  finger:
    'M6.5 10.5a5.5 5.5 0 0 1 11 0v3M4.5 15.5c.6-1.5.8-3 .8-5M9.5 20c.9-2.5 1-5.5 1-8.5a1.5 1.5 0 0 1 3 0c0 3.5-.3 6-1.3 9M16.8 16.5c-.2 1.5-.5 2.8-.9 4M7.3 17.5c-.3 1-.6 1.7-.9 2.2',
  snow: 'M12 3v18M4.2 7.5l15.6 9M19.8 7.5l-15.6 9M9.5 4.5 12 7l2.5-2.5M9.5 19.5 12 17l2.5 2.5',
  offline:
    'M3 3l18 18M8.5 15.5a5 5 0 0 1 7 0M5.5 12.3a9.3 9.3 0 0 1 4.2-2.3M14 9.9a9.3 9.3 0 0 1 4.5 2.4M2.5 9a13.5 13.5 0 0 1 4.3-2.8M10.5 5.1A13.5 13.5 0 0 1 21.5 9M12 19v.01',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.3 15.3 20.5 20.5',
  proof: 'M12 3 4.5 6v5.5c0 4.5 3 8 7.5 9.5 4.5-1.5 7.5-5 7.5-9.5V6zM8.8 12l2.3 2.3 4.2-4.6',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }): JSX.Element {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={paths[name]} />
    </svg>
  );
}
