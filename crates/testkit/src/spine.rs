//! The lower rooms of a site, opened in a temporary folder.

use access::thing::{Project, Site};
use access::verb::{Manage, Verb, View};
use access::{Access, Action, Ask, Caller, Facts, Permit, Place, facts::PlaceAnswer, thing::Thing};
use archive::Archive;
use audit::{Actor, Audit, Event, What};
use base::{
    Class, Clock, Entropy, Id, ProjectId, RequestId, Role, SiteId, SystemClock, SystemEntropy, UserId,
};
use catalog::{Catalog, NewProject, Purpose, Retention};
use db::{Db, DbKey, Migration};
use keys::Keys;
use keys::wrap::WrappingKey;
use std::path::Path;
use std::sync::Arc;

/// The lower rooms of a site, opened in a temporary folder.
pub struct Spine {
    /// The folder; it goes when the spine goes.
    pub folder: tempfile::TempDir,
    /// The site's id.
    pub site: SiteId,
    /// The metadata database.
    pub db: Db,
    /// The trail.
    pub audit: Audit,
    /// The door.
    pub access: Access,
    /// The key hierarchy.
    pub keys: Keys,
    /// The archive.
    pub archive: Archive,
    /// The catalog.
    pub catalog: Catalog,
    /// The clock they all use.
    pub clock: Arc<dyn Clock>,
    /// The entropy they all use.
    pub entropy: Arc<dyn Entropy>,
    /// The platform administrator, signed in.
    pub admin: Caller,
}

/// A project and its people.
pub struct Members {
    /// The project.
    pub project: ProjectId,
    people: Vec<(Role, Caller, UserId)>,
}

impl Members {
    /// The person who holds `role` in the project, signed in.
    pub fn with(&self, role: Role) -> &Caller {
        &self.people.iter().find(|(held, ..)| *held == role).expect("a role of projects").1
    }
}

/// Places by the catalog and the archive: what a site wires together.
struct Places {
    site: SiteId,
    catalog: Catalog,
    archive: Archive,
    more: Option<Arc<dyn Facts>>,
}

impl Facts for Places {
    fn place<'a>(&'a self, id: &'a str) -> PlaceAnswer<'a> {
        Box::pin(async move {
            if id == self.site.as_str() {
                return Ok(Some(Place::of_site()));
            }
            if let Ok(object) = id.parse() {
                return Ok(match self.archive.project_of(&object).await? {
                    None => None,
                    Some(None) => Some(Place::of_site()),
                    Some(Some(project)) => self.catalog.place_in(&project).await?,
                });
            }
            if let Some(place) = self.catalog.place(id).await? {
                return Ok(Some(place));
            }
            match &self.more {
                Some(more) => more.place(id).await,
                None => Ok(None),
            }
        })
    }
}

impl Spine {
    /// A new spine whose database also has the tables of `rooms`.
    pub async fn new(rooms: &[&[Migration]]) -> Self {
        Self::with_facts(rooms, |_, _| None).await
    }

    /// The same, with further places, made from the spine's database and catalog.
    pub async fn with_facts(
        rooms: &[&[Migration]],
        more: impl FnOnce(&Db, &Catalog) -> Option<Arc<dyn Facts>>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let site = SiteId::mint(&*entropy);
        let mut all = vec![access::MIGRATIONS, keys::MIGRATIONS, archive::MIGRATIONS, catalog::MIGRATIONS];
        all.extend_from_slice(rooms);
        let db = open_db(folder.path(), &all).await;
        let audit = open_audit(folder.path(), clock.clone());
        let policies = policy::Policies::shipped().expect("shipped policies");
        let access = Access::new(db.clone(), audit.clone(), policies, clock.clone(), entropy.clone());
        let created = What::SiteCreated { program: "test".into() };
        let event = Event::new(Actor::Site(site.clone()), created);
        let position = audit.gate(&event).await.expect("a record").position;
        let keys = Keys::open(db.clone(), WrappingKey::mint(&*entropy), entropy.clone()).await.expect("keys");
        let tx = db.begin(position).await.expect("a transaction");
        keys.create_site_key(&tx).await.expect("a site key");
        let (_, token) = access.create_first_account(&tx, "first").await.expect("a first account");
        tx.commit().await.expect("a commit");
        let archive = Archive::open(
            &folder.path().join("objects"),
            db.clone(),
            keys.clone(),
            audit.clone(),
            clock.clone(),
            entropy.clone(),
        )
        .expect("an archive");
        let catalog = Catalog::new(db.clone(), clock.clone(), entropy.clone());
        let more = more(&db, &catalog);
        let places = Places { site: site.clone(), catalog: catalog.clone(), archive: archive.clone(), more };
        access.attach(Arc::new(places), Arc::new(keys.clone()));
        let admin = sign_in(&access, &token).await;
        Self { folder, site, db, audit, access, keys, archive, catalog, clock, entropy, admin }
    }

    /// A permit that must be given.
    pub async fn permit<V: Verb, T: Thing>(
        &self,
        caller: &Caller,
        action: Action,
        thing: &T::Id,
    ) -> Permit<V, T> {
        self.access.decide(caller, Ask::new(action, [thing.clone()])).await.expect("an allowed decision")
    }

    /// A new project of `class` with one signed-in person for every role that projects have.
    pub async fn project(&self, class: Class) -> Members {
        let manager = self.account("manager").await;
        let create: Permit<Manage, Site> = self.permit(&self.admin, Action::CreateProject, &self.site).await;
        let tx = self.db.begin(create.decision()).await.expect("a transaction");
        let made = self.catalog.create_project(&create, &tx, new_project(class)).await.expect("a project");
        self.keys.create_project_key(&create, &tx, &made.id).await.expect("a project key");
        self.access.adopt_project(&create, &tx, &made.id, &manager.1).await.expect("an administrator");
        tx.commit().await.expect("a commit");
        self.keys.load_project_key(&made.id).await.expect("a usable key");
        self.access.close(&self.admin, Default::default()).await.expect("an outcome");
        let mut people = vec![(Role::ProjectAdministrator, manager.0.clone(), manager.1)];
        for role in
            Role::ALL.iter().copied().filter(|r| !r.is_site_wide() && *r != Role::ProjectAdministrator)
        {
            let (caller, id) = self.account(role.as_str()).await;
            let ask = Ask::<Project>::new(Action::AdministerProject, [made.id.clone()]).target(&id);
            let permit: Permit<Manage, Project> = self.access.decide(&manager.0, ask).await.expect("allowed");
            let tx = self.db.begin(permit.decision()).await.expect("a transaction");
            self.access.add_member(&permit, &tx, &id, role).await.expect("a member");
            tx.commit().await.expect("a commit");
            people.push((role, caller, id));
        }
        self.access.close(&manager.0, Default::default()).await.expect("outcomes");
        Members { project: made.id, people }
    }

    /// A new account, signed in. `name` may be used again: a number is added.
    pub async fn account(&self, name: &str) -> (Caller, UserId) {
        let permit: Permit<Manage, Site> = self.permit(&self.admin, Action::ManageAccounts, &self.site).await;
        let tx = self.db.begin(permit.decision()).await.expect("a transaction");
        let unique = format!("{name}{}", permit.decision());
        let (account, token) = self.access.create_account(&permit, &tx, &unique).await.expect("an account");
        tx.commit().await.expect("a commit");
        (sign_in(&self.access, &token).await, account.id)
    }

    /// What a viewer of the project sees of it.
    pub async fn view(&self, members: &Members) -> Permit<View, Project> {
        self.permit(members.with(Role::Viewer), Action::ViewSamples, &members.project).await
    }
}

/// A project with every field stated.
pub fn new_project(class: Class) -> NewProject {
    NewProject {
        name: "A test".into(),
        class,
        purpose: Purpose::Research,
        terms: vec!["DUO:0000042".into()],
        region: "EU".into(),
        retention: Retention::Days90,
        consent: "TEST-1".into(),
    }
}

async fn open_db(folder: &Path, rooms: &[&[Migration]]) -> Db {
    Db::open(&folder.join("metadata.db"), &DbKey::new([5; 32]), rooms).await.expect("a database")
}

fn open_audit(folder: &Path, clock: Arc<dyn Clock>) -> Audit {
    let key = ledger::SigningKey::from_seed(&[9; 32]).expect("a key");
    Audit::new(
        ledger::Ledger::create(&folder.join("ledger"), "test.example/site", key, clock).expect("a ledger"),
    )
}

async fn sign_in(access: &Access, token: &access::OneTimeToken) -> Caller {
    let session = access.redeem(token, &RequestId::mint(&SystemEntropy)).await.expect("a session");
    access.authenticate(session.expose()).await.expect("a caller")
}
