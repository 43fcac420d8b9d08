//! What the site does by itself in a project, under a permit of its own kind.

use crate::caller::Act;
use crate::decide::By;
use crate::permit::Ground;
use crate::thing::Project;
use crate::verb::Discover;
use crate::{Access, Ask, Caller, Error, Permit};
use base::{Id, ProjectId, RequestId, SiteId};
use policy::Action;
use std::collections::BTreeSet;

/// What such a decision stands on, in the place of policies.
const BY_ITSELF: &str = "the-site-by-itself";

impl Access {
    /// Lets the site look for identifiers in the words of a project. No policy is asked, as nobody is shown anything; what
    /// it gives reads words and opens no object. The caller is for the outcome.
    ///
    /// INVARIANT (no-permit-without-record): the permit is made after the decision is durable.
    ///
    /// # Errors
    /// There is no such project, the database is another process's, or the ledger takes nothing.
    pub async fn discover_by_itself(
        &self,
        site: &SiteId,
        project: &ProjectId,
    ) -> Result<(Caller, Permit<Discover, Project>), Error> {
        let caller = Caller::of_site(site.clone(), RequestId::mint(&*self.inner.entropy));
        let epoch = self.inner.judge.epoch();
        let ask = Ask::<Project>::new(Action::DiscoverIdentifiers, [project.clone()]);
        let place = self.place_of(project.as_str()).await?.ok_or(Error::NotFound)?;
        // INVARIANT (one-holder): as any decision.
        self.inner.db.held().await?;
        let policies = vec![BY_ITSELF.to_owned()];
        let by = By { allowed: true, policies, set: self.policy_digest() };
        let decision = self.record(&caller, &ask, Some(&place), by).await?;
        let about = vec![project.to_string()];
        caller.push(Act { decision, project: place.project.clone(), about, unwraps: 0 });
        let ground = Ground {
            things: BTreeSet::from([project.clone()]),
            project: place.project,
            home: None,
            purpose: place.purpose,
            retention: place.retention,
            class: place.class,
            caller: caller.clone(),
            decision,
            grants: Vec::new(),
            epoch,
        };
        Ok((caller, Permit::new(ground, self.inner.clock.clone(), self.inner.audit.clone())))
    }
}
