//! A small site without an archive: objects are what the test says they are.

use access::facts::{PlaceAnswer, SubjectAnswer, UseAnswer};
use access::thing::{Object, Project, Site, Thing};
use access::verb::{Manage, Read, Verb, Write};
use access::{Access, Action, Ask, Caller, Facts, Permit, Place};
use audit::{Actor, Audit, Event, What};
use base::{
    Class, Clock, FixedClock, Id, ObjectId, ProjectId, RequestId, Role, Sensitive, SiteId, SubjectId,
    SystemEntropy, Timestamp, UserId,
};
use db::Db;
use keys::{Binding, Credential, Custody, Keys, Reach, Roots, Safe, Shares, SiteSecrets};
use ledger::Ledger;
use ledger::storage::{Disk, Storage};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

pub struct TestSite {
    _folder: tempfile::TempDir,
    shares: String,
    pub site: SiteId,
    pub db: Db,
    pub audit: Audit,
    pub access: Access,
    pub keys: Keys,
    pub safe: Safe,
    pub clock: Arc<FixedClock>,
    pub admin: Caller,
    pub person: Caller,
    pub project: ProjectId,
    pub other: ProjectId,
    /// What the ledger flushes to.
    pub sink: Arc<Sink>,
    places: Arc<Places>,
}

/// A disk that can stop taking anything.
#[derive(Default)]
pub struct Sink(AtomicBool);

impl Sink {
    /// From now on each flush fails.
    pub fn block(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Storage for Sink {
    fn flush(&self, file: &File) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::Error::other("blocked")) } else { Disk.flush(file) }
    }
}

struct Places {
    site: SiteId,
    things: Mutex<BTreeMap<String, ProjectId>>,
    subjects: Mutex<BTreeMap<String, SubjectId>>,
}

impl Facts for Places {
    fn place<'a>(&'a self, id: &'a str) -> PlaceAnswer<'a> {
        let place = match self.things.lock().unwrap().get(id) {
            Some(project) => Some(Place {
                retention: None,
                project: Some(project.clone()),
                class: Some(Class::Research),
                region: None,
                purpose: Some("research".into()),
            }),
            None => (id == self.site.as_str()).then(Place::of_site),
        };
        Box::pin(async move { Ok(place) })
    }

    fn subject<'a>(&'a self, id: &'a str) -> SubjectAnswer<'a> {
        let subject = self.subjects.lock().unwrap().get(id).cloned();
        Box::pin(async move { Ok(subject) })
    }

    fn usable<'a>(&'a self, _: access::Using<'a>) -> UseAnswer<'a> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl TestSite {
    /// A site with two projects, and a person who may put in and look at data in the first.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
        let (shared, entropy) = (clock.clone() as Arc<dyn Clock>, Arc::new(SystemEntropy));
        let site = SiteId::mint(&SystemEntropy);
        let secrets = SiteSecrets::mint(&SystemEntropy);
        let safe = Safe::new(folder.path().join("site.sealed"), Reach::default());
        // Shares, because a passphrase takes its time by design.
        let (under, shares) = Shares::mint(&site, 2, 2, &SystemEntropy).unwrap();
        let _ = safe.replace(&site, &secrets, &under, &SystemEntropy).unwrap();
        let shares = shares.iter().map(|share| share.text().to_string()).collect::<Vec<_>>().join("\n");
        let rooms = [access::MIGRATIONS, keys::MIGRATIONS];
        let db = testkit::postgres::database(folder.path(), [5; 32], &rooms).await.unwrap();
        let key = ledger::SigningKey::from_seed(&[9; 32]).unwrap();
        let log = folder.path().join("ledger");
        let sink = Arc::new(Sink::default());
        let name = "test.example/site";
        let options = Audit::options();
        let log = Ledger::create_with(&log, name, key, shared.clone(), sink.clone(), options).unwrap();
        let audit = Audit::new(log);
        let policies = policy::Policies::shipped().unwrap();
        let access = Access::new(db.clone(), audit.clone(), policies, shared, entropy.clone());
        let event = Event::new(Actor::Site(site.clone()), What::SiteCreated { program: "test".into() });
        let position = audit.gate(&event).await.unwrap().position;
        let keys = Keys::open(db.clone(), secrets.roots, Custody::Passphrase, entropy).await.unwrap();
        let tx = db.begin(position).await.unwrap();
        keys.create_site_key(&tx).await.unwrap();
        let (_, token) = access.create_first_account(&tx, "first").await.unwrap();
        tx.commit().await.unwrap();
        let (project, other) = (ProjectId::mint(&SystemEntropy), ProjectId::mint(&SystemEntropy));
        let known = [&project, &other].map(|id| (id.to_string(), id.clone()));
        let places = Arc::new(Places {
            site: site.clone(),
            things: Mutex::new(known.into()),
            subjects: Mutex::default(),
        });
        access.attach(places.clone(), Arc::new(keys.clone()));
        let admin = sign_in(&access, &token).await;
        let person = admin.clone();
        let mut made = Self {
            _folder: folder,
            shares,
            site,
            db,
            audit,
            access,
            keys,
            safe,
            clock,
            admin,
            person,
            project,
            other,
            sink,
            places,
        };
        made.people().await;
        made
    }

    async fn people(&mut self) {
        let (manager, manager_id) = self.account("manager").await;
        let (person, person_id) = self.account("person").await;
        let create: Permit<Manage, Site> = self.on_site(Action::CreateProject).await;
        let tx = self.db.begin(create.decision()).await.unwrap();
        for project in [&self.project, &self.other] {
            self.keys.create_project_key(&create, &tx, project, Class::Research).await.unwrap();
            let place = (project, Class::Research);
            self.access.adopt_project(&create, &tx, place, std::slice::from_ref(&manager_id)).await.unwrap();
        }
        tx.commit().await.unwrap();
        for project in [&self.project, &self.other] {
            self.keys.load_project_key(project).await.unwrap();
        }
        for role in [Role::Analyst, Role::DataSteward] {
            let ask =
                Ask::<Project>::new(Action::AdministerProject, [self.project.clone()]).target(&person_id);
            let permit: Permit<Manage, Project> = self.access.decide(&manager, ask).await.unwrap();
            let tx = self.db.begin(permit.decision()).await.unwrap();
            self.access.add_member(&permit, &tx, &person_id, role, &Default::default()).await.unwrap();
            tx.commit().await.unwrap();
        }
        self.person = person;
    }

    async fn account(&self, name: &str) -> (Caller, UserId) {
        let permit = self.on_site(Action::ManageAccounts).await;
        let tx = self.db.begin(permit.decision()).await.unwrap();
        let (account, token) = self.access.create_account(&permit, &tx, name).await.unwrap();
        tx.commit().await.unwrap();
        (sign_in(&self.access, &token).await, account.id)
    }

    pub async fn ask<V: Verb, T: Thing>(
        &self,
        who: &Caller,
        action: Action,
        thing: &T::Id,
    ) -> Result<Permit<V, T>, access::Error> {
        self.access.decide(who, Ask::new(action, [thing.clone()])).await
    }

    /// What the administrator may do to the site.
    pub async fn on_site(&self, action: Action) -> Permit<Manage, Site> {
        self.ask(&self.admin, action, &self.site).await.unwrap()
    }

    pub async fn ingest(&self) -> Permit<Write, Project> {
        self.ask(&self.person, Action::Ingest, &self.project).await.unwrap()
    }

    pub async fn erase(&self) -> Permit<Manage, Project> {
        self.ask(&self.person, Action::ShredKeys, &self.project).await.unwrap()
    }

    /// What the person may open.
    pub async fn look(&self, object: &ObjectId) -> Permit<Read, Object> {
        self.ask(&self.person, Action::ViewVariants, object).await.unwrap()
    }

    /// What is recorded when the person asks to open an object, and says why.
    pub async fn because(&self, object: &ObjectId, why: &str) -> What {
        let ask = Ask::<Object>::new(Action::ViewVariants, [object.clone()])
            .because(Some(Sensitive::new(why.to_owned())));
        let permit: Permit<Read, Object> = self.access.decide(&self.person, ask).await.unwrap();
        self.audit.recorded(permit.decision()).unwrap().event.what
    }

    /// A subject with a key.
    pub async fn subject(&self) -> SubjectId {
        let subject = SubjectId::mint(&SystemEntropy);
        let permit = self.ingest().await;
        let tx = self.db.begin(permit.decision()).await.unwrap();
        self.keys.create_subject_key(&permit, &tx, &subject).await.unwrap();
        tx.commit().await.unwrap();
        subject
    }

    /// Objects of the project, and the bytes of their session keys.
    pub async fn store(&self, subject: Option<&SubjectId>, count: usize) -> Vec<(Binding, [u8; 32])> {
        let permit = self.ingest().await;
        let tx = self.db.begin(permit.decision()).await.unwrap();
        let mut stored = Vec::new();
        for _ in 0..count {
            let binding = Binding {
                object: ObjectId::mint(&SystemEntropy),
                version: 1,
                project: Some(self.project.clone()),
                subject: subject.cloned(),
            };
            let key = self.keys.mint_session(&permit).unwrap();
            self.keys.store_session(&permit, &tx, &binding, &key).await.unwrap();
            let object = binding.object.to_string();
            self.places.things.lock().unwrap().insert(object.clone(), self.project.clone());
            if let Some(subject) = subject {
                self.places.subjects.lock().unwrap().insert(object, subject.clone());
            }
            stored.push((binding, *key.expose()));
        }
        tx.commit().await.unwrap();
        stored
    }

    pub async fn assert_open(&self, stored: &[(Binding, [u8; 32])]) {
        for (binding, bytes) in stored {
            let permit = self.look(&binding.object).await;
            let key = self.keys.open_session(&permit, binding).await.unwrap();
            assert_eq!(key.expose(), bytes);
        }
    }

    /// The hierarchy as the next process would open it.
    pub async fn reopen(&mut self) {
        let roots = self.roots_on_disk();
        let entropy = Arc::new(SystemEntropy);
        self.keys = Keys::open(self.db.clone(), roots, Custody::Passphrase, entropy).await.unwrap();
    }

    pub fn roots_on_disk(&self) -> Roots {
        self.safe.unseal(&self.credential()).unwrap().1.roots
    }

    pub fn credential(&self) -> Credential {
        Credential::new(self.shares.clone())
    }
}

async fn sign_in(access: &Access, token: &access::OneTimeToken) -> Caller {
    let session = access.redeem(token, &RequestId::mint(&SystemEntropy)).await.unwrap();
    access.authenticate(session.expose()).await.unwrap()
}
