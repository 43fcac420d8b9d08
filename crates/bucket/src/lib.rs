//! An S3 bucket with object lock: signed requests, bounded retries, versions that stay.
//!
//! Promises: a request that a server answered with anything but what was asked for is an error; what is
//! read is the version that was asked for, at the length that was asked for; a body is compared by its MD5
//! on the way in; credentials come from a file that others cannot read, and never print themselves; every
//! wait has an end. A bucket that does not keep versions, or does not lock them, is refused by
//! [`Bucket::probe`].
//!
//! This room knows keys, versions and bytes. It does not know what they are for, and believes no answer
//! about a lock that it did not read back.
//!
//! * [`settings`]: where a bucket is; [`credentials`]: who asks
//! * [`client`]: one signed request, and its retries
//! * [`object`]: versions: list, get, lock, remove
//! * [`upload`]: a new version, in one piece or many; [`read`]: a version from any place
//! * [`probe`]: whether the bucket locks what it keeps

pub mod client;
pub mod credentials;
pub mod object;
pub mod probe;
pub mod read;
pub mod settings;
pub mod upload;

mod answer;
mod error;

pub use client::Bucket;
pub use credentials::Credentials;
pub use error::Error;
pub use object::{Held, Version};
pub use read::Reader;
pub use settings::Settings;
pub use upload::{Kept, Upload};
