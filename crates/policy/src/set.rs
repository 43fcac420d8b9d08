//! A checked set of policies and its digest.

use crate::compiled::{Compiled, Interpreted};
use crate::{Action, Asked, Error, Result, action::Scope};
use base::Sha256;
use cedar_policy::{
    Authorizer, EntityTypeName, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The schema that this version ships. The compiled form knows its attributes and no others.
pub const SCHEMA: &str = include_str!("../policies/sequestra.cedarschema");

/// The files that this version ships, as reviewed text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("limits.cedar", include_str!("../policies/limits.cedar")),
    ("project.cedar", include_str!("../policies/project.cedar")),
    ("sequestra.cedarschema", SCHEMA),
    ("site.cedar", include_str!("../policies/site.cedar")),
];

/// A set of policies that passed every check. It cannot be changed, so its digest stays true.
pub struct Policies {
    pub(crate) policies: PolicySet,
    pub(crate) schema: Schema,
    pub(crate) authorizer: Authorizer,
    pub(crate) names: Names,
    pub(crate) compiled: Compiled,
    digest: Sha256,
}

impl Policies {
    /// The policies that come with this version.
    ///
    /// # Errors
    /// None in a program whose tests passed; the texts are checked like any others.
    pub fn shipped() -> Result<Self> {
        Self::load(SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    /// Reads and checks a set: file name → text. Exactly one name ends in `.cedarschema`, all
    /// others in `.cedar`. A set without any policy is valid and denies everything.
    ///
    /// # Errors
    /// The first thing that is wrong with the set. A set is taken whole or not at all: leaving out
    /// a broken file could leave out a `forbid`.
    pub fn load(texts: BTreeMap<String, String>) -> Result<Self> {
        let digest = digest_of(&texts);
        let schema = read_schema(&texts)?;
        check_actions(&schema)?;
        let policies = read_policies(&texts)?;
        let validator = Validator::new(schema);
        check_fit(&validator, &policies)?;
        let schema = validator.schema().clone();
        let (authorizer, names, compiled) = (Authorizer::new(), Names::new()?, Compiled::default());
        let mut checked = Self { policies, schema, authorizer, names, compiled, digest };
        let text =
            texts.iter().find(|(name, _)| name.ends_with(".cedarschema")).map(|(_, text)| text.as_str());
        checked.compiled = Compiled::of(&checked, text.unwrap_or_default());
        Ok(checked)
    }

    /// How many policies there are.
    pub fn count(&self) -> usize {
        self.policies.num_of_policies()
    }

    /// The policies that have no compiled form, and why: Cedar evaluates them, and every request in
    /// their scope.
    pub fn interpreted(&self) -> &[Interpreted] {
        self.compiled.interpreted()
    }

    /// What the policies ask about that `others` does not hold.
    pub fn asked(&self, others: &Self) -> Asked {
        Asked::of(self.policies.policies().filter(|policy| others.policies.policy(policy.id()).is_none()))
    }

    /// SHA-256 over the file names and texts of the set, schema included.
    ///
    /// Shape: `sequestra policies 1\n`, then for each file in the order of names the length of the
    /// name (8 bytes, little-endian), the name, the length of the text, the text.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.count();
        f.debug_struct("Policies").field("count", &count).field("digest", &self.digest).finish()
    }
}

/// The SHA-256 of files, in the shape of [`Policies::digest`].
pub fn digest_of(texts: &BTreeMap<String, String>) -> Sha256 {
    let mut hash = sha2::Sha256::new();
    hash.update(b"sequestra policies 1\n");
    for (name, text) in texts {
        for part in [name, text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    Sha256(hash.finalize().into())
}

fn read_schema(texts: &BTreeMap<String, String>) -> Result<Schema> {
    let mut found = texts.iter().filter(|(name, _)| name.ends_with(".cedarschema"));
    let (Some((file, text)), None) = (found.next(), found.next()) else {
        let found = texts.keys().filter(|name| name.ends_with(".cedarschema")).count();
        return Err(Error::SchemaCount { found });
    };
    let syntax = |reason: String| Error::Syntax { file: file.clone(), reason };
    let (schema, warnings) =
        Schema::from_cedarschema_str(text).map_err(|e| syntax(base::fault::chain(&e)))?;
    match warnings.into_iter().next() {
        Some(warning) => Err(syntax(warning.to_string())),
        None => Ok(schema),
    }
}

/// The schema and the program must list the same actions with the same scope, so that neither a
/// command without a rule nor a rule without a command goes unnoticed.
fn check_actions(schema: &Schema) -> Result<()> {
    let groups: BTreeSet<String> = ["administer", "data"].map(str::to_owned).into();
    let known: BTreeSet<String> = Action::ALL.iter().map(|action| action.as_str().to_owned()).collect();
    let declared: BTreeSet<String> = schema.actions().map(|uid| uid.id().unescaped().to_owned()).collect();
    let wanted: BTreeSet<String> = known.union(&groups).cloned().collect();
    if let Some(name) = declared.symmetric_difference(&wanted).next() {
        return Err(Error::Actions { reason: format!("`{name}` is known to only one of the two") });
    }
    for action in Action::ALL {
        let wanted = match action.scope() {
            Scope::Site => "SiteThing",
            Scope::Project => "ProjectThing",
        };
        let uid = schema.actions().find(|uid| uid.id().unescaped() == action.as_str());
        let kinds: Vec<String> = uid
            .and_then(|uid| schema.resources_for_action(uid))
            .map(|kinds| kinds.map(ToString::to_string).collect())
            .unwrap_or_default();
        if kinds != [wanted] {
            return Err(Error::Actions { reason: format!("`{action}` does not act on a `{wanted}`") });
        }
    }
    Ok(())
}

fn read_policies(texts: &BTreeMap<String, String>) -> Result<PolicySet> {
    let mut all = PolicySet::new();
    for (file, text) in texts.iter().filter(|(name, _)| !name.ends_with(".cedarschema")) {
        if !file.ends_with(".cedar") {
            return Err(Error::Name { file: file.clone() });
        }
        let read = PolicySet::from_str(text)
            .map_err(|e| Error::Syntax { file: file.clone(), reason: base::fault::chain(&e) })?;
        let bad_id = |reason: String| Error::PolicyId { file: file.clone(), reason };
        if read.num_of_templates() > 0 {
            return Err(bad_id("templates are not used here".to_owned()));
        }
        for policy in read.policies() {
            let named = with_its_id(policy).map_err(bad_id)?;
            let id = named.id().to_string();
            all.add(named).map_err(|_| bad_id(format!("a second policy has the id `{id}`")))?;
        }
    }
    Ok(all)
}

/// Names a policy by its `@id`, since numbers by position would change meaning with every edit and
/// the ledger keeps them for ever.
fn with_its_id(policy: &Policy) -> std::result::Result<Policy, String> {
    let id = policy.annotation("id").unwrap_or_default();
    let kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if id.is_empty() || id.len() > 64 || !id.bytes().all(kebab) {
        return Err("a policy has no `@id` of lower-case words joined by `-`".to_owned());
    }
    if policy.annotation("why").unwrap_or_default().trim().is_empty() {
        return Err(format!("policy `{id}` does not say `@why`"));
    }
    Ok(policy.new_id(PolicyId::new(id)))
}

/// Warnings count as errors: a policy that can never apply is a policy that was mistyped.
fn check_fit(validator: &Validator, policies: &PolicySet) -> Result<()> {
    let result = validator.validate(policies, ValidationMode::Strict);
    let first = result
        .validation_errors()
        .map(|e| base::fault::chain(e))
        .chain(result.validation_warnings().map(|w| base::fault::chain(w)))
        .next();
    match first {
        Some(reason) => Err(Error::Validation { reason }),
        None => Ok(()),
    }
}

/// The schema's type names, parsed once.
pub(crate) struct Names {
    pub(crate) action: EntityTypeName,
    pub(crate) person: EntityTypeName,
    pub(crate) service: EntityTypeName,
    pub(crate) site_role: EntityTypeName,
    pub(crate) project_role: EntityTypeName,
    pub(crate) project: EntityTypeName,
    pub(crate) class: EntityTypeName,
    pub(crate) network: EntityTypeName,
    pub(crate) site_thing: EntityTypeName,
    pub(crate) project_thing: EntityTypeName,
}

impl Names {
    fn new() -> Result<Self> {
        let name = |text: &str| {
            EntityTypeName::from_str(text).map_err(|e| Error::Validation { reason: base::fault::chain(&e) })
        };
        Ok(Self {
            action: name("Action")?,
            person: name("Person")?,
            service: name("Service")?,
            site_role: name("SiteRole")?,
            project_role: name("ProjectRole")?,
            project: name("Project")?,
            class: name("Class")?,
            network: name("Network")?,
            site_thing: name("SiteThing")?,
            project_thing: name("ProjectThing")?,
        })
    }
}
