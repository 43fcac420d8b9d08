//! The standing streams of `site.toml`, and its notifications: opened before anything is recorded, running while the site is open.

use crate::layout::{Layout, Settings};
use crate::open::VERSION;
use anyhow::Result;
use audit::{Actor, Audit};
use base::{AgreementId, Clock, Entropy};
use feed::agreed::Answer;
use feed::notify::{Follower, Sender};
use feed::{Agreements, Notifications, Standing, Status, Stream};
use server::Site;
use sharing::Sharing;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long the end of the process waits for sinks to take the last events.
const LAST: Duration = Duration::from_secs(2);

/// Opens both.
pub fn open(
    layout: &Layout,
    settings: &Settings,
    audit: &Audit,
    own: (&Arc<dyn Clock>, &Arc<dyn Entropy>),
) -> Result<(Streams, Told)> {
    Ok((Streams::open(layout, settings, audit, own.0)?, Told::open(layout, settings, audit, own)?))
}

/// Streams that do not run yet.
pub struct Streams(Vec<Stream>);

impl Streams {
    /// Opens what `site.toml` names. A sink that is away is no reason not to open; settings that cannot be,
    /// and a ledger that is not the one that a sink acknowledged, are.
    pub fn open(layout: &Layout, settings: &Settings, audit: &Audit, clock: &Arc<dyn Clock>) -> Result<Self> {
        feed::settings::check_all(&settings.audit.stream)?;
        let open = |one: &feed::Settings| {
            let site = Actor::Site(settings.site.clone());
            Stream::open(one.clone(), &layout.streams(), audit.clone(), site, VERSION, clock.clone())
        };
        Ok(Self(settings.audit.stream.iter().map(open).collect::<Result<_, _>>()?))
    }

    /// Lets them run, each by itself: none waits for another, and nothing waits for them.
    pub fn start(self, agreements: &Arc<dyn Agreements>) -> Vec<(String, watch::Receiver<Status>)> {
        let start = |stream: Stream| {
            let named = (stream.name().to_owned(), stream.status());
            tokio::spawn(stream.under(agreements.clone()).run());
            named
        };
        self.0.into_iter().map(start).collect()
    }
}

/// The agreements that the projects of the site have registered: a flow of the site may stand on any of them.
pub struct Known {
    sharing: Sharing,
    clock: Arc<dyn Clock>,
}

impl Known {
    /// Those that are registered here.
    pub fn of(sharing: &Sharing, clock: &Arc<dyn Clock>) -> Arc<dyn Agreements> {
        Arc::new(Self { sharing: sharing.clone(), clock: clock.clone() })
    }
}

impl Agreements for Known {
    fn standing<'a>(&'a self, id: &'a AgreementId) -> Answer<'a> {
        Box::pin(async move {
            match self.sharing.registered(id).await {
                Ok(Some(found)) if found.ended.is_some() => Standing::Ended,
                Ok(Some(found)) if found.until <= self.clock.now() => Standing::Past,
                Ok(Some(_)) => Standing::Live,
                Ok(None) => Standing::Unknown,
                Err(_) => Standing::Unread,
            }
        })
    }
}

/// Notifications that are not made yet.
pub struct Told(Notifications, Vec<Follower>);

impl Told {
    /// Opens what `site.toml` names. A receiver that is away is no reason not to open; settings that cannot be, and a
    /// ledger that is not the one that was followed, are.
    pub fn open(
        layout: &Layout,
        settings: &Settings,
        audit: &Audit,
        own: (&Arc<dyn Clock>, &Arc<dyn Entropy>),
    ) -> Result<Self> {
        let site = Actor::Site(settings.site.clone());
        let sender = Sender { site, pages: settings.pages.as_ref().map(|pages| pages.origin.clone()) };
        let (mail, all) = (settings.mail.as_ref(), &settings.notify);
        let folder = layout.notifications();
        let (shown, followers) = Notifications::open(mail, all, &folder, audit, &sender, own)?;
        Ok(Self(shown, followers))
    }

    /// Lets them follow the record, each by itself.
    pub fn start(self) -> Notifications {
        for follower in self.1 {
            tokio::spawn(follower.run());
        }
        self.0
    }
}

/// Gives the sinks a moment for the last events, the closing among them. One that is away gets them after
/// the next start.
pub async fn settle(site: &Site) {
    let size = site.audit.ledger().size();
    let all = async {
        for (_, status) in &site.streams {
            let mut status = status.clone();
            let _ = status.wait_for(|status| status.next >= size || status.failure.is_some()).await;
        }
    };
    let _ = tokio::time::timeout(LAST, all).await;
}
