//! What each route takes and gives, by its name in [`crate::ROUTES`].

use crate::{
    administrator, archive, backup, consent, exception, identity, incident, keys, notify, oidc, passkey,
    passport, password, people, policy, project, record, rights, run, service, sharing, site, subject, usage,
    variant,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A body, of a request or an answer.
#[derive(Clone, Copy)]
pub enum Body {
    /// None.
    Nothing,
    /// JSON.
    Json(SchemaOf),
    /// Bytes or text of this media type.
    Bytes(&'static str),
    /// One JSON value a line.
    Lines,
}

/// What a route takes and gives.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its query.
    pub query: Option<SchemaOf>,
    /// The request's body.
    pub takes: Body,
    /// The body of an answer that is no problem.
    pub gives: Body,
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A route that takes nothing and gives a `T`.
fn gives<T: JsonSchema>() -> Shape {
    Shape { query: None, takes: Body::Nothing, gives: Body::Json(of::<T>) }
}

/// A route that takes a `T` and gives nothing that has a type.
fn takes<T: JsonSchema>() -> Shape {
    Shape { query: None, takes: Body::Json(of::<T>), gives: Body::Nothing }
}

impl Shape {
    const NOTHING: Self = Self { query: None, takes: Body::Nothing, gives: Body::Nothing };

    fn gives<T: JsonSchema>(self) -> Self {
        Self { gives: Body::Json(of::<T>), ..self }
    }

    fn asks<T: JsonSchema>(self) -> Self {
        Self { query: Some(of::<T>), ..self }
    }

    fn file(self) -> Self {
        Self { takes: Body::Bytes("application/octet-stream"), ..self }
    }

    fn bytes(self, media_type: &'static str) -> Self {
        Self { gives: Body::Bytes(media_type), ..self }
    }

    fn lines(self) -> Self {
        Self { gives: Body::Lines, ..self }
    }
}

/// What the route of this name takes and gives; none for one that is not listed, which fails a test.
pub fn shape(route: &str) -> Option<Shape> {
    Some(match route {
        "health" => gives::<site::Health>(),
        "ready" => gives::<site::Ready>(),
        "openapi" => Shape::NOTHING.bytes("application/json"),
        "session create" => takes::<people::Redeem>().gives::<people::Session>(),
        "session end" => Shape::NOTHING,
        "whoami" => gives::<people::Me>(),
        "session list" | "account sessions" => gives::<Vec<people::OpenSession>>(),
        "session revoke" | "account sign-out" => gives::<people::Revoked>(),
        "account revoke" => gives::<people::Account>(),
        "account close" => gives::<people::Closed>(),
        "site status" => gives::<site::Status>(),
        "site lock" => gives::<site::Health>(),
        "account create" => takes::<people::NewAccount>().gives::<people::Invitation>(),
        "account list" => gives::<Vec<people::Listed>>(),
        "account token" | "account reopen" => gives::<people::Invitation>(),
        "account grant" => takes::<people::NewRole>().gives::<people::Account>(),
        other => {
            let kinds = [
                of_things,
                of_rights,
                of_exceptions,
                of_sharing,
                of_record,
                of_keys,
                of_passkeys,
                of_services,
                of_visas,
                of_pages,
            ];
            return kinds.iter().find_map(|kind| kind(other));
        }
    })
}

fn of_rights(route: &str) -> Option<Shape> {
    Some(match route {
        "account preview" | "member preview" => takes::<rights::Proposed>().gives::<rights::Changes>(),
        "access explain" | "access explain-site" => takes::<rights::Why>().gives::<rights::Explained>(),
        "administrator list" => gives::<Vec<administrator::Administered>>(),
        "administrator propose" => {
            takes::<administrator::NewAdministrator>().gives::<administrator::Naming>()
        }
        "administrator approve" => gives::<administrator::Naming>(),
        "policy list" => gives::<policy::Policies>(),
        "policy propose" => takes::<policy::NewPolicies>().gives::<policy::Proposal>(),
        "policy show" => gives::<policy::Shown>(),
        "policy withdraw" | "policy approve" => gives::<policy::Proposal>(),
        _ => return None,
    })
}

fn of_exceptions(route: &str) -> Option<Shape> {
    Some(match route {
        "break-glass list" => gives::<Vec<exception::BreakGlass>>(),
        "break-glass open" => takes::<exception::NewException>().gives::<exception::BreakGlass>(),
        "break-glass close" => gives::<exception::BreakGlass>(),
        "break-glass review" => takes::<exception::NewReview>().gives::<exception::BreakGlass>(),
        "support list" => gives::<Vec<exception::Support>>(),
        "support ask" => takes::<exception::NewException>().gives::<exception::Support>(),
        "support approve" => takes::<exception::NewApproval>().gives::<exception::Support>(),
        "support end" => gives::<exception::Support>(),
        "support show" => gives::<exception::SupportShown>(),
        _ => return None,
    })
}

fn of_sharing(route: &str) -> Option<Shape> {
    Some(match route {
        "dataset list" => gives::<Vec<sharing::Dataset>>(),
        "dataset publish" => takes::<sharing::NewDataset>().gives::<sharing::Checked>(),
        "dataset close" => gives::<sharing::Dataset>(),
        "dataset verify" => gives::<sharing::Verified>(),
        "dataset samples" => gives::<Vec<sharing::LentSample>>(),
        "application list" => gives::<Vec<sharing::Application>>(),
        "application make" => takes::<sharing::NewApplication>().gives::<sharing::Application>(),
        "application change" => takes::<sharing::ApplicationChange>().gives::<sharing::Application>(),
        "application answer" => takes::<sharing::ApplicationAnswer>().gives::<sharing::Application>(),
        "application import" => takes::<sharing::PeopleList>().gives::<sharing::PeopleChanged>(),
        "agreement list" => gives::<Vec<sharing::Agreement>>(),
        "agreement add" => takes::<sharing::NewAgreement>().gives::<sharing::Agreement>(),
        "agreement end" => gives::<sharing::Agreement>(),
        _ => return None,
    })
}

fn of_things(route: &str) -> Option<Shape> {
    Some(match route {
        "project create" => takes::<project::NewProject>().gives::<project::Project>(),
        "project list" => gives::<Vec<project::Project>>(),
        "project show" => gives::<project::Project>(),
        "member list" => gives::<Vec<people::Member>>(),
        "member add" => takes::<people::NewMember>().gives::<people::Member>(),
        "member remove" => gives::<u64>(),
        "package begin" => takes::<project::NewPackage>().gives::<project::Package>(),
        "package file" => gives::<project::Received>().file(),
        "package commit" => gives::<project::Committed>(),
        "project screen" => gives::<subject::Discovered>(),
        "use show" => gives::<consent::UseShown>(),
        "use approve" => takes::<consent::NewApproval>().gives::<consent::UseShown>(),
        "use revoke" => takes::<consent::SaidWhy>().gives::<consent::UseShown>(),
        "audit who-saw" => gives::<subject::Accesses>().asks::<subject::Within>(),
        "intake split" => takes::<identity::NewSplit>().gives::<identity::SplitDone>(),
        "subject identify" => takes::<identity::WhyAsked>().gives::<identity::Identity>(),
        "subject find" => takes::<identity::WhoHas>().gives::<identity::FoundSubject>(),
        "subject correct" => takes::<identity::Correction>().gives::<identity::Corrected>(),
        "subject report" => gives::<subject::SubjectReport>(),
        "consent list" => gives::<Vec<consent::Consented>>(),
        "consent show" => gives::<Vec<consent::ConsentStatement>>(),
        "consent withdraw" => takes::<consent::SaidWhy>().gives::<Vec<consent::ConsentStatement>>(),
        "consent review" => takes::<consent::NewReview>().gives::<Vec<consent::ConsentStatement>>(),
        "consent record" => takes::<consent::NewConsent>().gives::<consent::Consent>(),
        "sample list" => gives::<Vec<project::Sample>>(),
        "sample show" => gives::<project::Sample>(),
        "object list" => gives::<Vec<project::Object>>(),
        "object show" => gives::<project::Object>(),
        "object get" => takes::<project::Release>().bytes("application/octet-stream"),
        "object hold" | "object lift" | "object delete" => {
            takes::<archive::Because>().gives::<project::Object>()
        }
        "tool add" => takes::<run::NewTool>().gives::<run::Tool>(),
        "tool list" => gives::<Vec<run::Tool>>(),
        "reference begin" => takes::<run::NewReference>().gives::<run::ReferenceUpload>(),
        "reference file" => gives::<u64>().file(),
        "reference finish" => gives::<run::Reference>(),
        "reference list" => gives::<Vec<run::Reference>>(),
        "run start" => takes::<run::NewRun>().gives::<run::Run>(),
        "run list" => gives::<Vec<run::Run>>(),
        "run show" => gives::<run::Run>().asks::<run::Since>(),
        "run cancel" => gives::<()>(),
        "variant query" => takes::<variant::Query>().gives::<variant::Answer>(),
        "report show" => Shape::NOTHING.bytes("text/html").asks::<variant::Whose>(),
        _ => return None,
    })
}

fn of_record(route: &str) -> Option<Shape> {
    Some(match route {
        "usage show" => gives::<usage::Usage>().asks::<subject::Within>(),
        "notify list" => gives::<Vec<notify::Destination>>(),
        "notify test" => gives::<notify::Tested>(),
        "archive stat" => gives::<archive::Storage>(),
        "archive check" => takes::<archive::Check>().gives::<Vec<archive::Checked>>(),
        "archive scrub" => takes::<archive::Scrub>().gives::<archive::Scrubbed>(),
        "backup create" => takes::<backup::Create>().gives::<backup::Created>(),
        "backup verify" => takes::<backup::Verify>().gives::<backup::Verified>(),
        "receipt show" => Shape::NOTHING.bytes("application/json"),
        "audit search" => gives::<record::History>().asks::<record::Search>(),
        "audit export" => takes::<record::Export>().lines(),
        "audit incident" => takes::<incident::Suspected>().lines(),
        "audit volume" => gives::<record::Volumes>().asks::<record::Since>(),
        "ledger checkpoint" => Shape::NOTHING.bytes("text/plain"),
        "ledger verify" => takes::<record::Verify>().gives::<record::Verification>(),
        "ledger prove" => takes::<record::Prove>().bytes("text/plain"),
        "ledger watch" => takes::<record::Watch>().lines(),
        _ => return None,
    })
}

fn of_keys(route: &str) -> Option<Shape> {
    Some(match route {
        "keys status" => gives::<keys::Status>(),
        "keys rotate" => takes::<keys::Rotate>().gives::<keys::Rotation>(),
        "keys prepare" => takes::<keys::Prepare>().gives::<keys::Prepared>(),
        "keys complete" => takes::<keys::Complete>().gives::<keys::Status>(),
        "keys shred" => takes::<keys::Shred>().gives::<keys::Shredded>(),
        _ => return None,
    })
}

fn of_passkeys(route: &str) -> Option<Shape> {
    Some(match route {
        "passkey challenge" | "passkey begin" | "confirm begin" => gives::<passkey::Challenge>(),
        "passkey invite" => gives::<people::Invitation>(),
        "passkey login" => takes::<passkey::Answer>().gives::<people::Session>(),
        "passkey add" => takes::<passkey::NewPasskey>().gives::<passkey::Enrolled>(),
        "passkey list" => gives::<Vec<passkey::Passkey>>(),
        "passkey remove" => gives::<passkey::Enrolled>(),
        "password begin" => gives::<password::SecondFactor>(),
        "password set" => takes::<password::NewPassword>().gives::<passkey::Enrolled>(),
        "password remove" => Shape::NOTHING,
        "password login" => takes::<password::SignIn>().gives::<people::Session>(),
        "oidc begin" | "oidc depart" => gives::<oidc::Departure>(),
        "oidc login" => takes::<oidc::Arrival>().gives::<people::Session>(),
        "oidc link" => takes::<oidc::Arrival>().gives::<Option<oidc::Link>>(),
        "oidc show" => gives::<Option<oidc::Link>>(),
        "oidc unlink" => Shape::NOTHING,
        "confirm password" => takes::<password::Confirm>().gives::<people::Me>(),
        "confirm passkey" => takes::<passkey::Answer>().gives::<people::Me>(),
        "confirm terminal" | "terminal begin" => gives::<passkey::Terminal>(),
        "terminal finish" => takes::<passkey::Finish>().gives::<passkey::Finished>(),
        "terminal show" => takes::<passkey::Typed>().gives::<passkey::Asking>(),
        "terminal challenge" => takes::<passkey::Typed>().gives::<passkey::Challenge>(),
        "terminal approve" => takes::<passkey::Approve>().gives::<passkey::Approved>(),
        "terminal refuse" => takes::<passkey::Typed>(),
        _ => return None,
    })
}

fn of_services(route: &str) -> Option<Shape> {
    Some(match route {
        "service create" => takes::<service::NewService>().gives::<service::Service>(),
        "service list" | "service mine" => gives::<Vec<service::Service>>(),
        "service token" => takes::<service::Assertion>().gives::<service::ServiceToken>(),
        "service rotate" => takes::<service::NextKey>().gives::<service::Service>(),
        "service close" => gives::<service::Service>(),
        "service allow" => takes::<service::NewKey>(),
        "service withdraw" => Shape::NOTHING,
        _ => return None,
    })
}

fn of_visas(route: &str) -> Option<Shape> {
    Some(match route {
        "passport present" => takes::<passport::Passport>().gives::<Vec<passport::Verdict>>(),
        "account link" => takes::<passport::NewIdentity>().gives::<Vec<passport::IdentityLink>>(),
        "account identities" => gives::<Vec<passport::IdentityLink>>(),
        "account unlink" => gives::<passport::Unlinked>(),
        "visa list" => gives::<Vec<passport::Mapping>>(),
        "visa map" => takes::<passport::NewMapping>().gives::<passport::Mapping>(),
        "visa unmap" => gives::<passport::Unmapped>(),
        _ => return None,
    })
}

fn of_pages(route: &str) -> Option<Shape> {
    Some(match route {
        "page enrol" | "page password" | "page sign-in" | "page oidc" | "page device" | "page sessions" => {
            Shape::NOTHING.bytes("text/html")
        }
        "page script" => Shape::NOTHING.bytes("text/javascript"),
        "page style" => Shape::NOTHING.bytes("text/css"),
        _ => return None,
    })
}
