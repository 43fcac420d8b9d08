//! Whether content may be used for what its project states, beside what the policies say of who asks.

use crate::thing::Thing;
use crate::{Access, Ask, Caller, Error, Place, Unusable, Using};
use base::{Id, ProjectId, UserId};
use policy::Action;
use std::collections::BTreeSet;

/// The record's word for data of which nobody can say whether it may be used.
const NOT_KNOWN: &str = "use-not-known";
/// What content is used by. What only lists, brings in or keeps is no use of it.
const USES: &[Action] = &[Action::StartRun, Action::ViewVariants, Action::DownloadObject];

impl Access {
    /// Whether the things of a question may be used now. It is no decision: nothing is recorded, nothing given.
    ///
    /// # Errors
    /// Nobody can say now.
    pub async fn is_usable<T: Thing>(&self, caller: &Caller, ask: &Ask<T>) -> Result<bool, Error> {
        let (Some(place), _) = self.place_of_all::<T>(ask).await? else { return Ok(false) };
        Ok(self.refusals(caller, ask, &place).await?.is_empty())
    }

    /// The same for a decision: the rules, for the record, and what is said.
    ///
    /// INVARIANT (use-is-asked): no policy stands above what people agreed to; it is asked for each decision anew, also
    /// for those that renew a permit. What cannot be read allows nothing, and is on record as any other refusal.
    pub(crate) async fn unusable<T: Thing>(
        &self,
        caller: &Caller,
        ask: &Ask<T>,
        place: &Place,
    ) -> Option<(Vec<String>, Error)> {
        let why = match self.refusals(caller, ask, place).await {
            Ok(why) if why.is_empty() => return None,
            Ok(why) => why,
            Err(cause) => return Some((vec![NOT_KNOWN.to_owned()], cause)),
        };
        let rules: BTreeSet<&str> = why.iter().map(|one| one.rule).collect();
        let words: BTreeSet<&str> = why.iter().map(|one| one.why.as_str()).collect();
        let said = words.into_iter().collect::<Vec<_>>().join("; ");
        Some((rules.into_iter().map(str::to_owned).collect(), Error::NotUsable(said)))
    }

    /// Why the things may not be used, if it is their content that is asked for.
    async fn refusals<T: Thing>(
        &self,
        caller: &Caller,
        ask: &Ask<T>,
        place: &Place,
    ) -> Result<Vec<Unusable>, Error> {
        let things: Vec<String> = ask.things.iter().map(|id| id.as_str().to_owned()).collect();
        self.against_use(ask.action, place.project.as_ref(), &things, caller.person()).await
    }

    /// What stands against an action that opens content, on these things of a project; of no thing, on its terms alone.
    pub(crate) async fn against_use(
        &self,
        action: Action,
        project: Option<&ProjectId>,
        things: &[String],
        by: Option<&UserId>,
    ) -> Result<Vec<Unusable>, Error> {
        let Some(project) = project.filter(|_| USES.contains(&action)) else { return Ok(Vec::new()) };
        let facts = self.inner.facts.get().ok_or(Error::NotFound)?;
        facts.usable(Using { action, project, things, by }).await.map_err(Error::Facts)
    }
}
