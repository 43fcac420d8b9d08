//! Whether the bucket locks what it keeps.

use crate::answer::{parse, text_of};
use crate::client::{APART, Call};
use crate::error::Result;
use crate::{Bucket, Error};
use rusty_s3::Method;

impl Bucket {
    /// Asks the bucket what it promises, and tries it at a key of its own: a version under a legal hold must
    /// stay. Unlike a retention the hold can be lifted, so that nothing is left behind. `key` must be new.
    ///
    /// # Errors
    /// [`Error::Unlockable`] with the reason; [`Error::Skewed`] when its clock is another than ours: a lock
    /// ends by the store's clock.
    pub fn probe(&self, key: &str) -> Result<()> {
        self.promises()?;
        let probe = self.put(key, b"probe")?;
        let tried = self.try_hold(key, &probe.version);
        // Also when something else failed: a probe is not worth keeping.
        let cleared = self.remove(key, &probe.version);
        tried.and(cleared)
    }

    fn promises(&self) -> Result<()> {
        let answer = self.send(&Call::new("ask for versions", Method::Get, None).query("versioning", ""))?;
        if let Some(seconds) = self.skew(&answer).filter(|seconds| *seconds >= APART) {
            return Err(Error::Skewed { seconds });
        }
        if text_of(parse(answer.text()?)?.root_element(), "Status") != Some("Enabled") {
            return Err(Error::Unlockable("it does not keep versions"));
        }
        let call = Call::new("ask for object lock", Method::Get, None).query("object-lock", "");
        let answer = match self.send(&call) {
            Err(Error::Refused { status: 404, code, .. }) if code != "NoSuchBucket" => {
                return Err(Error::Unlockable("it was made without object lock"));
            }
            answer => answer?,
        };
        let document = parse(answer.text()?)?;
        let root = document.root_element();
        if text_of(root, "ObjectLockEnabled") != Some("Enabled") {
            return Err(Error::Unlockable("it was made without object lock"));
        }
        // What is not admitted has to go again, which a lock on everything would forbid.
        if root.children().any(|node| node.tag_name().name() == "Rule") {
            return Err(Error::Unlockable("it has a default retention, which locks drafts too"));
        }
        Ok(())
    }

    fn try_hold(&self, key: &str, version: &str) -> Result<()> {
        self.hold(key, version, true)?;
        let held = self.held(key, version);
        let removed = self.remove(key, version);
        let lifted = match &removed {
            Ok(()) => Ok(()),
            Err(_) => self.hold(key, version, false),
        };
        if !held?.hold {
            return Err(Error::Unlockable("it does not say that a held object is held"));
        }
        match removed {
            Ok(()) => Err(Error::Unlockable("it removed an object under a legal hold")),
            Err(error) if error.is_refusal() => lifted,
            Err(error) => Err(error),
        }
    }
}
