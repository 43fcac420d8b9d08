//! Events out to others: OCSF records to a file, by syslog over TLS, by HTTP.
//!
//! Promises: every event of the ledger reaches the sink at least once, in order; each record names its
//! position, the one before it in the stream and its leaf's hash, so that the receiver can prove that
//! there is no gap; the last position that the sink acknowledged survives a crash; a sink that is slow or
//! away holds up nothing but its own stream.
//!
//! What a record and an acknowledgement are: `docs/spec/audit.md`.
//!
//! * [`settings`]: a stream as `site.toml` has it
//! * [`ocsf`]: an event as a record
//! * [`agreed`]: the agreement that a flow stands on
//! * [`stream`]: the loop from the ledger to a sink
//! * [`alarm`]: the second channel, which needs no ledger: what a person has to hear at once
//! * [`notify`]: what people want to hear of, by mail or HTTP, in ids and our own words
//! * [`tls`]: TLS to a receiver that is known; the program reaches its witnesses by it, too
//! * inside: `sink` with `file`, `syslog` and `post`; `mark`, the acknowledged position

pub mod agreed;
pub mod alarm;
pub mod notify;
pub mod ocsf;
pub mod settings;
pub mod stream;
pub mod tls;

mod error;
mod file;
mod mark;
mod post;
mod sink;
mod syslog;

pub use agreed::{Agreements, Standing};
pub use alarm::{Alarms, Cause};
pub use error::Error;
pub use notify::Notifications;
pub use settings::Settings;
pub use stream::{Status, Stream};
