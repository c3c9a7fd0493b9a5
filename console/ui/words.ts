// Every word that the console says, as one typed catalogue. Names of secrets, people and machines are never translated.
// The screens import the two halves, so that the first load carries only what it shows.
import { coreWords } from './words-core.ts';
import { pageWords } from './words-pages.ts';
import { peopleWords } from './words-people.ts';
import { ruleWords } from './words-rules.ts';
import { recoveryWords } from './words-recovery.ts';

export const words: typeof coreWords & typeof pageWords & typeof peopleWords & typeof recoveryWords & { readonly rules: typeof ruleWords } = {
  ...coreWords,
  ...pageWords,
  ...peopleWords,
  ...recoveryWords,
  rules: ruleWords,
};
