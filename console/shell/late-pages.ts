// The pages that an approval does not need, as one file that is loaded once the first screen stands.
import type { ComponentType } from 'preact';
import { DraftPage } from '../drafts/view.tsx';
import { JoinPage } from '../enrol/join.tsx';
import { WaitingPage } from '../enrol/waiting.tsx';
import { WelcomePage } from '../enrol/view.tsx';
import { HistoryPage } from '../history/view.tsx';
import { LeasesPage } from '../leases/view.tsx';
import { MachinesPage } from '../machines/view.tsx';
import { PeoplePage } from '../people/view.tsx';
import { RecoverPage } from '../recovery/recover.tsx';
import { RecoveryPage } from '../recovery/view.tsx';
import { SecretsPage } from '../secrets/view.tsx';

export type LatePage = 'secrets' | 'leases' | 'machines' | 'people' | 'history' | 'welcome' | 'join' | 'waiting' | 'draft' | 'recovery' | 'recover';

export const latePages: Readonly<Record<LatePage, ComponentType>> = {
  secrets: SecretsPage,
  leases: LeasesPage,
  machines: MachinesPage,
  people: PeoplePage,
  history: HistoryPage,
  welcome: WelcomePage,
  join: JoinPage,
  recovery: RecoveryPage,
  recover: RecoverPage,
  waiting: WaitingPage,
  draft: DraftPage,
};
