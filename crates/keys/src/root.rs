//! The site's root keys: the one in force and, while it is being replaced, the one before.

use crate::Error;
use crate::wrap::WrappingKey;
use base::Entropy;
use std::sync::Arc;

/// Root keys by generation, oldest first; two only while a rotation is under way. None once they were given up.
#[derive(Clone)]
pub struct Roots(Vec<(i32, Arc<WrappingKey>)>);

impl Roots {
    /// The first root of a site.
    pub fn first(key: WrappingKey) -> Self {
        Self(vec![(1, Arc::new(key))])
    }

    /// What is left when they were given up.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// The generation in force.
    pub fn generation(&self) -> i32 {
        self.0.last().map_or(0, |(generation, _)| *generation)
    }

    /// The generations there are, oldest first.
    pub fn generations(&self) -> Vec<i32> {
        self.0.iter().map(|(generation, _)| *generation).collect()
    }

    /// Whether an older one is still there.
    pub fn is_rotating(&self) -> bool {
        self.0.len() > 1
    }

    /// Whether both are the same keys of the same generations.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(a, b)| a.0 == b.0 && a.1.expose() == b.1.expose())
    }

    /// Adds the next one, unless one was added before and the older is still there.
    pub(crate) fn grow(&mut self, entropy: &dyn Entropy) {
        if !self.is_rotating() {
            self.0.push((self.generation().saturating_add(1), Arc::new(WrappingKey::mint(entropy))));
        }
    }

    /// Forgets all but the newest.
    pub(crate) fn settle(&mut self) {
        self.0 = self.0.pop().into_iter().collect();
    }

    pub(crate) fn current(&self) -> Result<(i32, Arc<WrappingKey>), Error> {
        self.0.last().cloned().ok_or(Error::GivenUp)
    }

    pub(crate) fn at(&self, generation: i32) -> Result<Arc<WrappingKey>, Error> {
        if self.0.is_empty() {
            return Err(Error::GivenUp);
        }
        let found = self.0.iter().find(|(own, _)| *own == generation);
        found.map(|(_, key)| key.clone()).ok_or_else(|| Error::NoKey(format!("root {generation}")))
    }

    /// Each as generation (4 bytes, big-endian) and 32 bytes.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        for (generation, key) in &self.0 {
            to.extend_from_slice(&generation.to_be_bytes());
            to.extend_from_slice(key.expose().as_slice());
        }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut roots = Vec::new();
        for part in bytes.chunks(36) {
            let (generation, key) = part.split_first_chunk::<4>().ok_or(Error::SealedFile)?;
            let key = WrappingKey::from_slice(key).map_err(|_| Error::SealedFile)?;
            roots.push((i32::from_be_bytes(*generation), Arc::new(key)));
        }
        let ordered = roots.windows(2).all(|two| matches!(two, [a, b] if a.0 < b.0));
        if ordered && (1..=2).contains(&roots.len()) { Ok(Self(roots)) } else { Err(Error::SealedFile) }
    }
}
