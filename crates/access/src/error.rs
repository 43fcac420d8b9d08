//! What can go wrong at the door.

use base::{Fault, Kind};

/// What is said of own policies that were changed behind the site.
pub(crate) const BEHIND: [&str; 3] = [NOT_READ, NOT_PROPOSED, NOT_APPROVED];
pub(crate) const NOT_READ: &str = "what is stored of a proposal cannot be read";
pub(crate) const NOT_PROPOSED: &str = "what is stored as proposed is not what the record says was proposed";
pub(crate) const NOT_APPROVED: &str = "what is stored as in force is not what the record says was approved";

/// Failures of accounts, sessions and decisions.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing, or nothing the caller may know of; the two are told apart by nothing.
    #[error("not found")]
    NotFound,
    /// The caller may know of the thing and may not do this.
    #[error("the policy denies `{action}`")]
    Denied {
        /// The policy's action.
        action: &'static str,
        /// What would have to be different, in words.
        why: String,
    },
    /// No session, or one that has ended.
    #[error("not signed in")]
    NotSignedIn,
    /// The one-time token is wrong, used, or too old.
    #[error("the one-time token is not valid")]
    Token,
    /// A permit ended before the work did.
    #[error("the permit has ended")]
    PermitEnded,
    /// A permit is for other things than those it was shown for.
    #[error("the permit does not cover `{0}`")]
    NotCovered(String),
    /// Asked for a verb that the action does not give. A defect of the caller.
    #[error("the action `{action}` does not give the right to {verb}")]
    Verb {
        /// The policy's action.
        action: &'static str,
        /// The verb asked for.
        verb: &'static str,
    },
    /// An account with this name exists.
    #[error("an account of this name exists")]
    NameTaken,
    /// No account has this name. Told to those who may name accounts.
    #[error("there is no account `{0}`")]
    NoAccount(String),
    /// An account name of the wrong shape.
    #[error("`{0}` is not an account name")]
    Name(String),
    /// A role that belongs elsewhere.
    #[error("the role `{role}` is held {expected}")]
    RolePlace {
        /// The role.
        role: base::Role,
        /// Where it is held.
        expected: &'static str,
    },
    /// A new sign-in for an account that reaches strictly kept data.
    #[error("the account holds a role in a controlled or clinical project")]
    Takeover,
    /// A role where people act by passkeys, for somebody without one.
    #[error("in a controlled or clinical project people act by a passkey, and the account has none")]
    WithoutPasskey,
    /// A project that gets no administrator so.
    #[error(transparent)]
    Naming(#[from] crate::naming::Refused),
    /// Data that is not seen by way of exception.
    #[error(transparent)]
    Exception(#[from] crate::exception::Refused),
    /// The site offers no passkeys: it has no pages.
    #[error("this site offers no passkeys")]
    NoPasskeys,
    /// An origin on which browsers make no passkeys.
    #[error("`{0}` is not an origin for passkeys")]
    Origin(String),
    /// An answer of a passkey, or of a ceremony, that does not count. Why is told to nobody.
    #[error("the passkey was not accepted")]
    Passkey,
    /// More passkeys than an account may have.
    #[error("the account has {0} passkeys, which is the most")]
    ManyPasskeys(usize),
    /// A label of the wrong shape.
    #[error("a passkey's label has 1 to {0} printable characters")]
    Label(usize),
    /// The last passkey of an account.
    #[error("it is all that the account signs in with")]
    LastPasskey,
    /// The account has nothing to confirm with.
    #[error("the account has no passkey to confirm with")]
    NothingEnrolled,
    /// A first passkey in a session that is not new.
    #[error("the first thing to sign in with is enrolled within five minutes after the sign-in")]
    FirstPasskey,
    /// No passwords beside strictly kept data.
    #[error("a site with a controlled or clinical project takes no passwords")]
    NoPasswords,
    /// A name, password or code that does not count. Which of them is told to nobody.
    #[error("the name, the password or the code is not right")]
    Password,
    /// A password of the wrong length.
    #[error("a password has {0} to {1} characters")]
    ShortPassword(usize, usize),
    /// A sign-in through the site's provider that does not count. Why is told to the site's own log alone.
    #[error("the sign-in through your organisation was not accepted")]
    NotVouched(crate::oidc::Refused),
    /// The site has no provider.
    #[error("this site has no sign-in through an organisation")]
    NoProvider,
    /// The provider is out of reach, or nobody could be sent there.
    #[error("the sign-in of your organisation is out of reach")]
    ProviderAway(crate::oidc::Refused),
    /// A provider's settings that cannot be.
    #[error("[oidc] in site.toml is not valid: {0}")]
    Provider(String),
    /// The people whose data it is, or the terms it came under, do not allow the use.
    #[error("this may not be used: {0}")]
    NotUsable(String),
    /// The project asks for a passkey.
    #[error("controlled and clinical projects ask for a sign-in with a passkey")]
    PasskeyNeeded,
    /// A confirmation by less than what proved who it is.
    #[error("this session was begun, or confirmed, by a stronger proof than this one")]
    Weaker,
    /// What is asked for takes a fresh confirmation.
    #[error("this asks for a confirmation within the last five minutes that it is you")]
    Confirm,
    /// A terminal's code, or a page's answer, that is not right any more or never was.
    #[error("the code is not valid")]
    Code,
    /// Nobody has approved the terminal yet.
    #[error("the terminal's code has not been approved yet")]
    NotApproved,
    /// Too many terminals or sign-ins wait.
    #[error("too many sign-ins wait for an answer")]
    ManyWait,
    /// A service account that cannot be made so.
    #[error("the service account cannot be made: {0}")]
    Service(&'static str),
    /// The service account is closed.
    #[error("the service account is closed")]
    ServiceClosed,
    /// A key that is none of a service account's.
    #[error("it is no key of this service account")]
    ServiceKey,
    /// A key that a service account has.
    #[error("it is a key of this service account already")]
    SameKey,
    /// What people do with their own account, asked for by a program.
    #[error("a service account has no account of its own to look after")]
    ForPeople,
    /// Something that a service account was not made for.
    #[error("the service account was not made for this")]
    OutsideScope,
    /// A visa, or a passport, that gives nothing.
    #[error(transparent)]
    Visa(#[from] crate::visa::Refused),
    /// The site trusts nobody's visas.
    #[error("this site takes no passports")]
    NoPassports,
    /// An issuer that the settings do not name.
    #[error("`site.toml` names no issuer `{0}`")]
    NoIssuer(String),
    /// A subject of the wrong shape.
    #[error(
        "a subject is what the issuer's tokens have as `sub`: 1 to 1,024 bytes without control characters"
    )]
    Subject,
    /// A subject that is another account's.
    #[error("this subject is linked to another account")]
    LinkedElsewhere,
    /// A mapping of visas that cannot be.
    #[error("the mapping cannot be made: {0}")]
    Mapping(&'static str),
    /// A mapping that is there.
    #[error("the project takes these visas for this role already")]
    Mapped,
    /// An issuer's settings that cannot be.
    #[error("the issuer `{name}` of [passports] in site.toml is not valid: {why}")]
    Issuer {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// The account is closed.
    #[error("the account is closed")]
    Closed,
    /// A reason that is too long to be recorded.
    #[error("the reason is longer than {0} bytes")]
    LongReason(usize),
    /// Several things of different projects in one question.
    #[error("the things asked for belong to different projects")]
    MixedProjects,
    /// The site changes nothing now.
    #[error("the site changes nothing now: {0}")]
    ReadOnly(String),
    /// A role that the account does not hold.
    #[error("the account does not hold the role `{0}`")]
    NotHeld(base::Role),
    /// A role for longer than the site gives any.
    #[error("a role lasts at most {days} days here")]
    TooLong {
        /// The site's limit.
        days: u32,
    },
    /// A role, or something that it stands on, would have ended before it is given.
    #[error("it would have ended already, by its {0}")]
    EndedBefore(&'static str),
    /// The account is not closed.
    #[error("the account is open")]
    Open,
    /// An action on the wrong kind of thing.
    #[error("`{action}` is done {}", if *site { "on the site as a whole" } else { "to things of a project" })]
    WrongPlace {
        /// The policy's action.
        action: &'static str,
        /// Whether it is the site's.
        site: bool,
    },
    /// A site's own policies that cannot be.
    #[error("these policies cannot be a site's own: {0}")]
    OwnPolicies(String),
    /// A set of policies that does not pass its checks.
    #[error(transparent)]
    Policy(#[from] policy::Error),
    /// A proposal that was decided already.
    #[error("the proposal is {0}, and no longer open")]
    NotOpen(&'static str),
    /// Another set came into force since it was proposed.
    #[error("other policies are in force now than when this was proposed")]
    Overtaken,
    /// A site's setting about decisions that cannot be.
    #[error("`{what}` of [policy] in site.toml is not valid: {why}")]
    Settings {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The decision could not be recorded, so there is none.
    #[error("the decision could not be recorded")]
    Audit(#[from] audit::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// Another room could not say where a thing belongs.
    #[error("the place of a thing is not known")]
    Facts(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<db::sea_orm::DbErr> for Error {
    fn from(error: db::sea_orm::DbErr) -> Self {
        Self::Db(error.into())
    }
}

impl Error {
    /// The failure that it stands for as it is.
    fn within(&self) -> Option<&dyn Fault> {
        match self {
            Self::Naming(e) => Some(e),
            Self::Exception(e) => Some(e),
            Self::Visa(e) => Some(e),
            Self::Policy(e) => Some(e),
            Self::Audit(e) => Some(e),
            Self::Db(e) => Some(e),
            _ => None,
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound | Self::NoAccount(_) | Self::NotHeld(_) => Kind::NotFound,
            Self::Denied { .. }
            | Self::NotSignedIn
            | Self::Token
            | Self::PermitEnded
            | Self::Takeover
            | Self::Passkey
            | Self::Password
            | Self::NotVouched(_)
            | Self::NotUsable(_)
            | Self::PasskeyNeeded
            | Self::Weaker
            | Self::Confirm
            | Self::FirstPasskey
            | Self::OutsideScope
            | Self::ForPeople
            | Self::Code
            | Self::NotCovered(_) => Kind::Denied,
            Self::NoIssuer(_) => Kind::NotFound,
            Self::NameTaken
            | Self::Closed
            | Self::ServiceClosed
            | Self::SameKey
            | Self::Open
            | Self::NotOpen(_)
            | Self::Overtaken
            | Self::LinkedElsewhere
            | Self::WithoutPasskey
            | Self::Mapped
            | Self::ManyPasskeys(_)
            | Self::LastPasskey
            | Self::NothingEnrolled
            | Self::NotApproved => Kind::Conflict,
            Self::Name(_)
            | Self::RolePlace { .. }
            | Self::MixedProjects
            | Self::LongReason(_)
            | Self::TooLong { .. }
            | Self::EndedBefore(_)
            | Self::WrongPlace { .. }
            | Self::OwnPolicies(_)
            | Self::Settings { .. }
            | Self::Issuer { .. }
            | Self::Subject
            | Self::Mapping(_)
            | Self::Origin(_)
            | Self::Provider(_)
            | Self::Label(_)
            | Self::ShortPassword(..)
            | Self::ServiceKey
            | Self::Service(_) => Kind::Invalid,
            Self::ReadOnly(_)
            | Self::NoPasskeys
            | Self::NoPasswords
            | Self::NoPassports
            | Self::NoProvider
            | Self::ProviderAway(_)
            | Self::ManyWait => Kind::Unavailable,
            Self::Verb { .. } | Self::Facts(_) => Kind::Internal,
            Self::Naming(e) => e.kind(),
            Self::Exception(e) => e.kind(),
            Self::Visa(e) => e.kind(),
            Self::Policy(e) => e.kind(),
            Self::Audit(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "ACCESS-001",
            Self::Denied { .. } => "ACCESS-002",
            Self::NotSignedIn => "ACCESS-003",
            Self::Token => "ACCESS-004",
            Self::PermitEnded => "ACCESS-005",
            Self::NotCovered(_) => "ACCESS-006",
            Self::Verb { .. } => "ACCESS-007",
            Self::NameTaken => "ACCESS-008",
            Self::Name(_) => "ACCESS-009",
            Self::RolePlace { .. } => "ACCESS-010",
            Self::MixedProjects => "ACCESS-011",
            Self::Facts(_) => "ACCESS-012",
            Self::Takeover => "ACCESS-013",
            Self::LongReason(_) => "ACCESS-014",
            Self::NoAccount(_) => "ACCESS-015",
            Self::ReadOnly(_) => "ACCESS-016",
            Self::Settings { .. } => "ACCESS-017",
            Self::Closed => "ACCESS-018",
            Self::Open => "ACCESS-019",
            Self::NotHeld(_) => "ACCESS-020",
            Self::TooLong { .. } => "ACCESS-021",
            Self::EndedBefore(_) => "ACCESS-022",
            Self::WrongPlace { .. } => "ACCESS-023",
            Self::OwnPolicies(_) => "ACCESS-024",
            Self::NotOpen(_) => "ACCESS-025",
            Self::Overtaken => "ACCESS-026",
            Self::NoPasskeys => "ACCESS-027",
            Self::Origin(_) => "ACCESS-028",
            Self::Passkey => "ACCESS-029",
            Self::ManyPasskeys(_) => "ACCESS-030",
            Self::Label(_) => "ACCESS-031",
            Self::LastPasskey => "ACCESS-032",
            Self::NothingEnrolled => "ACCESS-033",
            Self::NotUsable(_) => "ACCESS-086",
            Self::PasskeyNeeded => "ACCESS-034",
            Self::Confirm => "ACCESS-035",
            Self::Weaker => "ACCESS-069",
            Self::Code => "ACCESS-036",
            Self::NotApproved => "ACCESS-037",
            Self::ManyWait => "ACCESS-038",
            Self::Service(_) => "ACCESS-039",
            Self::OutsideScope => "ACCESS-040",
            Self::ServiceKey => "ACCESS-041",
            Self::ForPeople => "ACCESS-042",
            Self::FirstPasskey => "ACCESS-043",
            Self::ServiceClosed => "ACCESS-044",
            Self::NoPasswords => "ACCESS-045",
            Self::Password => "ACCESS-046",
            Self::ShortPassword(..) => "ACCESS-047",
            Self::NotVouched(_) => "ACCESS-048",
            Self::NoProvider => "ACCESS-049",
            Self::ProviderAway(_) => "ACCESS-050",
            Self::Provider(_) => "ACCESS-051",
            Self::WithoutPasskey => "ACCESS-052",
            Self::NoPassports => "ACCESS-060",
            Self::Issuer { .. } => "ACCESS-061",
            Self::NoIssuer(_) => "ACCESS-062",
            Self::Subject => "ACCESS-063",
            Self::LinkedElsewhere => "ACCESS-064",
            Self::Mapping(_) => "ACCESS-065",
            Self::Mapped => "ACCESS-066",
            Self::SameKey => "ACCESS-067",
            Self::Exception(e) => e.code(),
            Self::Naming(_) | Self::Visa(_) | Self::Policy(_) | Self::Audit(_) | Self::Db(_) => {
                self.within().map_or_else(Default::default, Fault::code)
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("check the id, and for a thing of a project that you are a member there".into()),
            Self::Denied { why, .. } => Some(why.clone()),
            Self::NotSignedIn => Some("sign in with `sequestra login`".into()),
            Self::ReadOnly(_) => Some(
                "make room on the site's disk; what can be read can be read meanwhile, and the site goes on by itself".into(),
            ),
            Self::Token => Some("ask a platform administrator for a new one (`account token`)".into()),
            Self::PermitEnded => {
                Some("run the command again; a revoked right does not come back by itself".into())
            }
            Self::Name(_) => {
                Some("use 2 to 32 lower-case letters, digits, `.`, `_` or `-`, a letter first".into())
            }
            Self::NameTaken => Some(
                "take another name, also when the account is closed; for a new sign-in of that account a platform administrator makes a \
                 token (`account token`)"
                    .into(),
            ),
            Self::NoAccount(_) => Some(
                "check the spelling; a platform administrator sees the names with `account list` and makes accounts \
                 with `account create`"
                    .into(),
            ),
            Self::RolePlace { role, .. } if role.is_site_wide() => {
                Some(format!("a platform administrator gives it: `account grant NAME --role {role}`"))
            }
            Self::RolePlace { role, .. } => {
                Some(format!("the project's administrator gives it: `member add PROJECT NAME --role {role}`"))
            }
            Self::OwnPolicies(why) if BEHIND.contains(&why.as_str()) => Some(
                "somebody changed the database behind the site: put the text back, or restore a backup (docs/spec/policy.md)".into(),
            ),
            Self::OwnPolicies(_) => Some("docs/guide/access.md shows a folder of policies".into()),
            Self::NotOpen(_) => Some("`policy list` shows what is open".into()),
            Self::Overtaken => Some("look at what is in force (`policy list`), and propose again".into()),
            Self::Naming(e) => e.hint(),
            Self::Exception(e) => e.hint(),
            Self::Visa(e) => e.hint(),
            Self::Policy(e) => e.hint(),
            Self::WrongPlace { site: true, .. } => Some("leave the thing out".into()),
            Self::WrongPlace { .. } => Some("name a project, a sample, an object or a run".into()),
            Self::NotHeld(_) => Some("`account list` shows the roles that are held on the site".into()),
            Self::TooLong { .. } => {
                Some("give an earlier end; a role that is given again before it ends goes on".into())
            }
            Self::EndedBefore(_) => Some("give a later end, or renew what it stands on first".into()),
            Self::Settings { .. } => Some("docs/spec/policy.md says what `[policy]` takes".into()),
            Self::Closed => Some("`account reopen` opens it again for the same person, without any role".into()),
            Self::Open => Some("`account list` shows which are closed".into()),
            Self::Audit(e) => e.hint(),
            Self::Db(e) => e.hint(),
            other => other.hint_of_visas().or_else(|| other.hint_of_signing_in()),
        }
    }
}

impl Error {
    /// What to do next, of visas and whose they are.
    fn hint_of_visas(&self) -> Option<String> {
        let text = match self {
            Self::NoPassports => {
                "whoever keeps the site names issuers in `site.toml` (docs/guide/passports.md)"
            }
            Self::NoIssuer(_) => {
                "issuers have a `name` in `[[passports.issuer]]`; one that was just added counts after `site lock`"
            }
            Self::Subject => "`passport present` shows it to who presents the passport",
            Self::LinkedElsewhere => {
                "a subject is one account's: `account identities NAME` shows links, `account unlink NAME --issuer ISSUER` ends them"
            }
            Self::Mapping(_) => "docs/guide/passports.md shows one",
            Self::Mapped => "`visa list` shows what the project takes",
            Self::Issuer { .. } => "docs/spec/passports.md says what `[[passports.issuer]]` takes",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// An issuer that somebody named, and nobody knows.
    pub(crate) fn no_issuer(name: &str) -> Self {
        Self::NoIssuer(name.chars().filter(|c| !c.is_control()).take(40).collect())
    }

    /// What to do next, of passkeys, terminals and service accounts.
    fn hint_of_signing_in(&self) -> Option<String> {
        match self {
            Self::NoPasskeys => Some(
                "an administrator sets the address of the site's pages in `site.toml`; until then sign in with a one-time \
                 token: `sequestra login --token`; a password confirms as well: `sequestra confirm --password`"
                    .into(),
            ),
            Self::Origin(_) => Some(
                "write it as browsers show it, with a name and no path: `https://genomes.example.org:8443`".into(),
            ),
            Self::Passkey => Some("begin again on the site's own page, and use a passkey that was enrolled there".into()),
            Self::NoPasswords => Some("sign in with a passkey: `sequestra login`, or the site's page `/sign-in`".into()),
            Self::Password => Some(
                "each code is good once: wait for the next one; after five wrong tries a name waits for a quarter of an hour"
                    .into(),
            ),
            Self::ShortPassword(..) => Some("several words in a row are easy to keep and hard to guess".into()),
            Self::NotVouched(_) => Some(
                "begin again on the site's own page, and link your account on the page `/oidc` if you never did; whoever keeps the \
                 site finds the reason in its log"
                    .into(),
            ),
            Self::NoProvider => Some("sign in with a passkey, on the site's page `/sign-in`".into()),
            Self::ProviderAway(_) => Some(
                "sign in with a passkey meanwhile; whoever keeps the site runs `sequestra doctor`, which says why".into(),
            ),
            Self::Provider(_) => Some("docs/spec/identity.md says what `[oidc]` takes".into()),
            Self::ManyPasskeys(_) => Some("remove one that you do not use".into()),
            Self::LastPasskey => Some("enrol another first, or nobody could sign in any more".into()),
            Self::NothingEnrolled => Some("enrol a passkey on the site's page `/enrol`".into()),
            Self::NotUsable(_) => Some(
                "`use show PROJECT` has the terms, and `application list PROJECT` what other projects lend; what terms leave to a \
                 person a data steward approves (`use approve`), and keeps consents (`consent list`)"
                    .into(),
            ),
            Self::PasskeyNeeded => Some(
                "enrol a passkey on the site's page `/enrol`, then sign in with it: `sequestra login`; a terminal counts on the \
                 site's own networks, or at the address of the browser that approves it"
                    .into(),
            ),
            Self::Takeover => Some("the project's administrator takes its roles there away (`member remove`), and gives them again after the next sign-in".into()),
            Self::WithoutPasskey => Some(
                "they enrol one first, on the site's page `/enrol`, within five minutes after they sign in; where `site.toml` has no \
                 `[pages]` nobody can, and whoever keeps the site sets them (docs/guide/door.md)"
                    .into(),
            ),
            Self::FirstPasskey => Some(
                "sign in with a new one-time token, which an administrator makes (`account token`), and enrol at once".into(),
            ),
            Self::Weaker => Some("approve the terminal from the machine that it is on, or sign in anew".into()),
            Self::Confirm => Some("run `sequestra confirm` (`confirm --password` on a site without pages), then the command again; what is about your passkeys is done on the site's page `/sessions`".into()),
            Self::Code => Some("codes last ten minutes and a few tries: begin again with `sequestra login`".into()),
            Self::NotApproved => Some("type the code into the site's page `/device` and approve it there".into()),
            Self::OutsideScope => Some(
                "`service list` shows its project, its actions and the class of data; make another for other work".into(),
            ),
            Self::ForPeople => Some("the person that it acts for does this, signed in as themselves".into()),
            Self::ServiceKey => Some(
                "give the public key as `service enrol` printed it on the machine; if it is the right one, the administrator was given \
                 another"
                    .into(),
            ),
            Self::Service(_) => Some("`sequestra service create --help` names the bounds".into()),
            Self::SameKey => Some("make another on its machine: `sequestra service enrol --key-out FILE`".into()),
            Self::ServiceClosed => Some("none is opened again: make another".into()),
            Self::ManyWait => Some("wait ten minutes, or sign in elsewhere".into()),
            _ => None,
        }
    }
}
