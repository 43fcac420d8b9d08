//! An administrator for a site whose last one can no longer sign in.

use crate::{Access, Account, Ends, Error, OneTimeToken};
use audit::{Actor, Event, What};
use base::{Role, SiteId};

impl Access {
    /// Makes an account that is platform administrator and holds nothing else, and its one-time token. Without a
    /// permit: there is nobody left who could be asked, and whoever opens the site by what seals it could do more than
    /// this by other means. No account that is there gains by it. Recorded as the site's own act.
    pub async fn recover(&self, site: &SiteId, name: &str) -> Result<(Account, OneTimeToken), Error> {
        let account = self.new_account(self.inner.db.reader(), name).await?;
        let event = Event::new(Actor::Site(site.clone()), What::AdministratorMade {});
        let event = event.about([account.id.to_string()]);
        let tx = self.inner.db.begin(self.inner.audit.gate(&event).await?.position).await?;
        let token = self.insert(&tx, &account).await?;
        self.insert_grant(&tx, &account.id, Role::PlatformAdministrator, None, Ends::default()).await?;
        tx.commit().await?;
        Ok((account, token))
    }
}
