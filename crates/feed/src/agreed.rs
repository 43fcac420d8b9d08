//! The agreement that a flow stands on: asked before each batch, so that one that ends closes the flow with the next.

use crate::Error;
use base::AgreementId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// How an agreement stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is registered, its day has not come, and nobody ended it.
    Live,
    /// No agreement has the id.
    Unknown,
    /// It was ended before its day.
    Ended,
    /// Its day has passed.
    Past,
    /// Whoever knows cannot be asked.
    Unread,
}

impl Standing {
    /// The word on record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Unknown => "unknown",
            Self::Ended => "ended",
            Self::Past => "past",
            Self::Unread => "unread",
        }
    }
}

/// An answer that comes.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Standing> + Send + 'a>>;

/// Who knows agreements. What cannot be read is never answered as live.
pub trait Agreements: Send + Sync {
    /// How the agreement of this id stands now.
    fn standing<'a>(&'a self, id: &'a AgreementId) -> Answer<'a>;
}

/// What a flow stands on: nothing, where its setting names no agreement.
#[derive(Clone, Default)]
pub(crate) struct Ground {
    pub id: Option<AgreementId>,
    pub known: Option<Arc<dyn Agreements>>,
}

impl Ground {
    /// Whether the flow is open now. INVARIANT (closed-without-agreement): an agreement that is named and not seen to be
    /// live closes the flow, also where nobody can be asked.
    pub async fn open(&self) -> Result<(), Error> {
        let Some(id) = &self.id else { return Ok(()) };
        let standing = match &self.known {
            Some(known) => known.standing(id).await,
            None => Standing::Unread,
        };
        match standing {
            Standing::Live => Ok(()),
            closed => Err(Error::Closed { agreement: id.clone(), why: closed.as_str() }),
        }
    }
}
