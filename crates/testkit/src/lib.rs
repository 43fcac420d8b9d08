//! A throw-away spine for the tests of rooms: ledger, database, door, keys, archive, catalog.
//!
//! [`Spine::new`] makes one in a temporary folder with an administrator, and [`Spine::project`] a
//! project with one person in every role of it. Everything is real; only the site is small.
//!
//! [`crash`] stops a process of such a site at every call to the file system. The program `soak` is
//! that process, and runs the long campaigns: `make soak`. [`fuzz`] drives parsers of untrusted bytes, and
//! [`flip`] changes stored bits. [`rgw`] is a real object store with object lock, [`proxy`] what may go wrong on the
//! way to one. [`canaille`] is a real OpenID provider, [`aiosmtpd`] a real relay of mail. [`vault`] is a key service that answers as recorded, [`tls`] a client that takes any key.
//! [`lockable_folder`] finds a file system whose files the kernel can be told to keep. [`postgres`] is a real database
//! server, and [`postgres::database`] a database on it or in a file, as the environment says: the tests of rooms run on
//! both.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot set up its site has failed")]

pub mod aiosmtpd;
pub mod authenticator;
pub mod browser;
pub mod canaille;
pub mod crash;
pub mod flip;
pub mod fuzz;
mod lockable;
pub mod postgres;
pub mod proxy;
pub mod rgw;
mod spine;
pub mod tls;
pub mod vault;

pub use authenticator::authenticator;
pub use canaille::Canaille;
pub use evidence::Authenticator;
pub use lockable::lockable_folder;
pub use postgres::Postgres;
pub use proxy::{Proxy, Trouble};
pub use rgw::Rgw;
pub use spine::{DATABASE, Folder, LEDGER, Members, ROOT, Spine, TABLES, new_project, token};
