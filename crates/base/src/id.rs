//! The registry of typed ids. Append only: a prefix, once used, keeps its meaning for ever.
//!
//! An id is `prefix_` and 20 characters of Crockford base32 (100 random bits): no time, no name,
//! nothing to guess from. Shape: `^[a-z]{3}_[0-9a-hjkmnp-tv-z]{20}$`.

use crate::{Entropy, Sha256};
use std::{fmt, str::FromStr};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Random characters after the prefix.
const LENGTH: usize = 20;

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {article} {kind} id: expected `{prefix}_` and 20 characters")]
pub struct ParseIdError {
    article: &'static str,
    kind: &'static str,
    prefix: &'static str,
}

/// What all typed ids share.
pub trait Id:
    Clone + Eq + Ord + std::hash::Hash + fmt::Debug + fmt::Display + FromStr + Send + Sync + 'static
{
    /// Three letters that name the kind of thing, without the underscore.
    const PREFIX: &'static str;
    /// The thing's name in words, for messages.
    const KIND: &'static str;
    /// Makes a new id from `entropy`.
    fn mint(entropy: &dyn Entropy) -> Self;
    /// The whole id as text.
    fn as_str(&self) -> &str;
}

fn random_text(prefix: &str, entropy: &dyn Entropy) -> String {
    let mut bytes = [0u8; LENGTH];
    entropy.fill(&mut bytes);
    let mut text = String::with_capacity(prefix.len() + 1 + LENGTH);
    text.push_str(prefix);
    text.push('_');
    // 256 is a multiple of 32, so the low five bits of a uniform byte are uniform.
    text.extend(bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31)).map(|c| char::from(*c))));
    text
}

fn well_formed(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|rest| rest.len() == LENGTH && rest.bytes().all(|b| ALPHABET.contains(&b)))
}

macro_rules! registry {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $article:literal $kind:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(String);

            impl Id for $name {
                const PREFIX: &'static str = $prefix;
                const KIND: &'static str = $kind;
                fn mint(entropy: &dyn Entropy) -> Self {
                    Self(random_text($prefix, entropy))
                }
                fn as_str(&self) -> &str {
                    &self.0
                }
            }
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }
            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }
            impl FromStr for $name {
                type Err = ParseIdError;
                fn from_str(text: &str) -> Result<Self, ParseIdError> {
                    if well_formed($prefix, text) {
                        Ok(Self(text.to_owned()))
                    } else {
                        Err(ParseIdError { article: $article, kind: $kind, prefix: $prefix })
                    }
                }
            }
            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    s.serialize_str(&self.0)
                }
            }
            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                    text.parse().map_err(serde::de::Error::custom)
                }
            }
        )*

        /// Every prefix in use, with the kind of thing it names.
        pub const PREFIXES: &[(&str, &str)] = &[$(($prefix, $kind)),*];
    };
}

registry! {
    /// A project.
    ProjectId = "prj", "a" "project";
    /// A reference genome with its indexes and annotation sources.
    ReferenceId = "ref", "a" "reference";
    /// A registered tool with its whole closure.
    ToolId = "tol", "a" "tool";
    /// A data subject.
    SubjectId = "sub", "a" "subject";
    /// A specimen.
    SpecimenId = "spc", "a" "specimen";
    /// A sample.
    SampleId = "smp", "a" "sample";
    /// A readset: the reads of one sample on one lane.
    ReadsetId = "rds", "a" "readset";
    /// A sealed object in the archive.
    ObjectId = "obj", "an" "object";
    /// A dataset.
    DatasetId = "dst", "a" "dataset";
    /// A workflow.
    WorkflowId = "wfl", "a" "workflow";
    /// A release of a workflow.
    ReleaseId = "rel", "a" "release";
    /// A run of a workflow.
    RunId = "run", "a" "run";
    /// A task of a run.
    TaskId = "tsk", "a" "task";
    /// A model.
    ModelId = "mdl", "a" "model";
    /// An inference.
    InferenceId = "inf", "an" "inference";
    /// A person's account.
    UserId = "usr", "a" "user";
    /// A service account.
    ServiceId = "svc", "a" "service account";
    /// A grant.
    GrantId = "grt", "a" "grant";
    /// An approval.
    ApprovalId = "apr", "an" "approval";
    /// An export.
    ExportId = "exp", "an" "export";
    /// A support session.
    SupportId = "sup", "a" "support session";
    /// A break-glass use.
    BreakGlassId = "bgl", "a" "break-glass use";
    /// A deletion.
    DeletionId = "del", "a" "deletion";
    /// An alert.
    AlertId = "alt", "an" "alert";
    /// A package of files at the controlled door.
    PackageId = "pkg", "a" "package";
    /// A site.
    SiteId = "sit", "a" "site";
    /// One request to the site's process.
    RequestId = "req", "a" "request";
    /// Someone signed in, until it ends.
    SessionId = "sgn", "a" "session";
    /// What somebody signs in with: a passkey, a password with its second factor.
    CredentialId = "crd", "a" "credential";
    /// A person's consent.
    ConsentId = "cns", "a" "consent";
    /// That a project takes certain visas.
    VisaMappingId = "vsm", "a" "mapping of visas";
    /// An application to use a dataset.
    ApplicationId = "apl", "an" "application";
    /// An agreement with a party.
    AgreementId = "agr", "an" "agreement";
    /// The key of somebody whom a released object is addressed to.
    RecipientId = "rcp", "a" "recipient";
}

impl RecipientId {
    /// The id of a key: 100 bits of its SHA-256, the low five of each of the first 20 bytes. Whoever has the key
    /// can make it, and find on record what was released to it.
    pub fn of_key(digest: &Sha256) -> Self {
        struct Given<'a>(&'a [u8]);
        impl Entropy for Given<'_> {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.iter_mut().zip(self.0).for_each(|(byte, given)| *byte = *given);
            }
        }
        Self::mint(&Given(&digest.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    #[test]
    fn a_recipient_is_known_by_the_digest_of_its_key() {
        let mut digest = [0; 32];
        digest[0] = 32 + 9;
        digest[19] = 31;
        let id = RecipientId::of_key(&Sha256(digest));
        assert_eq!(id.as_str(), "rcp_9000000000000000000z");
        digest[0] = 10;
        assert_ne!(RecipientId::of_key(&Sha256(digest)), id);
    }

    #[test]
    fn a_minted_id_parses_back() {
        let id = SampleId::mint(&SystemEntropy);
        assert_eq!(id.to_string().parse::<SampleId>().unwrap(), id);
        assert_ne!(id, SampleId::mint(&SystemEntropy));
    }

    #[test]
    fn other_kinds_and_shapes_are_refused() {
        let id = SampleId::mint(&SystemEntropy).to_string();
        assert!(id.parse::<RunId>().is_err());
        for text in
            ["", "smp_", "smp_short", &format!("{id}0"), &id.to_uppercase(), "smp_../../../../../../etc"]
        {
            assert!(text.parse::<SampleId>().is_err(), "{text}");
        }
        let error = "x".parse::<ObjectId>().unwrap_err().to_string();
        assert_eq!(error, "not an object id: expected `obj_` and 20 characters");
    }

    #[test]
    fn prefixes_are_unique() {
        let mut seen: Vec<_> = PREFIXES.iter().map(|(p, _)| p).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), PREFIXES.len());
    }
}
