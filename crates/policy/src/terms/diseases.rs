//! What the caller knows about diseases.

use super::Disease;
use std::collections::{BTreeMap, BTreeSet};

/// A hierarchy of diseases, such as MONDO's, of one release. The same one has to be asked throughout one
/// decision.
pub trait Diseases {
    /// Whether it has this term. Of a term that it does not have nothing is known.
    fn knows(&self, disease: &Disease) -> bool;

    /// Whether `above` is among the ancestors of `disease`, however far up. Asked of known terms alone, and never
    /// of a term and itself.
    fn lies_below(&self, disease: &Disease, above: &Disease) -> bool;

    /// Whether there is a known disease of which `holds` is true.
    fn any(&self, holds: &mut dyn FnMut(&Disease) -> bool) -> bool;
}

/// Each known term with all of its ancestors. An empty map knows nothing.
impl Diseases for BTreeMap<Disease, BTreeSet<Disease>> {
    fn knows(&self, disease: &Disease) -> bool {
        self.contains_key(disease)
    }

    fn lies_below(&self, disease: &Disease, above: &Disease) -> bool {
        self.get(disease).is_some_and(|ancestors| ancestors.contains(above))
    }

    fn any(&self, holds: &mut dyn FnMut(&Disease) -> bool) -> bool {
        self.keys().any(holds)
    }
}
