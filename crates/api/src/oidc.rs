//! Sign-in through the site's own OpenID Connect provider.

use crate::schema::Moment;
use base::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a browser goes. What it keeps meanwhile comes as a cookie that no script sees.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Departure {
    /// The address at the provider.
    pub address: String,
}

/// What a browser brings back from the provider.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// The provider's `state`.
    pub state: String,
    /// Its `code`.
    pub code: String,
    /// Its `iss`, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// The provider's subject that signs in as an account, which is shown to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The site's word for the provider.
    pub provider: String,
    /// When the link was made.
    #[schemars(with = "Moment")]
    pub since: Timestamp,
}
