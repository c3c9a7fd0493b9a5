// Leases: everything that may read without asking right now, each with its end in reach.
import type { JSX } from 'preact';
import type { LeaseRow } from '../app.ts';
import { FreezeButton } from '../shell/freeze.tsx';
import { useOrg, useStore } from '../shell/store.ts';
import { useAct } from '../ui/act.ts';
import { Button } from '../ui/button.tsx';
import { Countdown } from '../ui/countdown.tsx';
import { EmptyState, FailureNote } from '../ui/note.tsx';
import { Page } from '../ui/page.tsx';
import { listNames } from '../ui/time.ts';
import { coreWords } from '../ui/words-core.ts';
import { pageWords } from '../ui/words-pages.ts';
import { liveLeases } from './model.ts';

const w = pageWords.leases;

export function LeasesPage(): JSX.Element {
  const leases = liveLeases(useOrg().leases, useStore().now.value);
  return (
    <Page title={w.title}>
      {leases.length === 0 ? (
        <EmptyState icon="lease" title={w.empty}>
          <p>{w.emptyText}</p>
        </EmptyState>
      ) : (
        <ul class="cards">
          {leases.map((lease) => (
            <Lease key={lease.id} lease={lease} />
          ))}
        </ul>
      )}
      <FreezeSection />
    </Page>
  );
}

function FreezeSection(): JSX.Element | null {
  const { frozen, me } = useOrg();
  if (frozen || !me.roles.includes('admin')) return null;
  return (
    <div class="aside">
      <p class="faint">{coreWords.freeze.lead}</p>
      <FreezeButton />
    </div>
  );
}

function Lease({ lease }: { readonly lease: LeaseRow }): JSX.Element {
  const { app, tell } = useStore();
  const act = useAct();
  const ending = lease.ending || act.busy;
  return (
    <li class="card lease">
      <div class="card-main">
        <ul class="plain mono">
          {lease.paths.map((path) => (
            <li key={path}>{path}</li>
          ))}
        </ul>
        <p>
          <strong>
            <bdi>{lease.holder}</bdi>
          </strong>{' '}
          {coreWords.review.on} <bdi>{lease.machineName}</bdi>
        </p>
        <p class="faint">
          {w.used(lease.used, lease.usesLeft)} · {w.by(listNames(lease.approvedBy))}
        </p>
      </div>
      <div class="card-end">
        <Countdown until={lease.until} />
        <Button
          look="deny"
          busy={ending}
          label={w.endOne(lease.paths.join(', '))}
          onClick={() =>
            act.run(
              () => app.endLease(lease.id),
              () => tell(coreWords.review.leaseEnded),
            )
          }
        >
          {ending ? w.ending : w.end}
        </Button>
      </div>
      <FailureNote failure={act.failure} />
    </li>
  );
}
