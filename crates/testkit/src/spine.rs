//! The lower rooms of a site, opened in a temporary folder.

use crate::{Authenticator, authenticator};
use access::facts::{ClassAnswer, PlaceAnswer, SubjectAnswer, UseAnswer};
use access::thing::{Project, Site};
use access::verb::{Manage, Verb, View};
use access::{Access, Action, Ask, Caller, Facts, Permit, Place, thing::Thing};
use anyhow::Context;
use archive::store::{Flag, Local, Store};
use archive::{Archive, ArchiveParts};
use audit::{Actor, Audit, Event, Found, What};
use base::{
    Boxed, Class, Clock, Entropy, Id, ProjectId, RequestId, Retention, Role, SiteId, SystemClock,
    SystemEntropy, UserId,
};
use catalog::{Basis, Catalog, Framework, Granularity, Incidental, NewProject, Purpose, Scope, StatedUse};
use db::{Db, Migration};
use keys::wrap::WrappingKey;
use keys::{Credential, Custody, Keys, Reach, Roots, Safe, SiteSecrets};
use policy::terms::Terms;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The lower rooms of a site, opened in a temporary folder.
pub struct Spine {
    /// The folder; a temporary one goes when the spine goes.
    pub folder: Folder,
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

/// Where a spine lies.
pub struct Folder {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The key of every spine's database.
pub const DATABASE: [u8; 32] = [5; 32];
/// Where a spine's sealed file lies, if it has one, and the shares that open it.
pub(crate) const SEALED: &str = "site.sealed";
pub(crate) const SHARES: &str = "shares.txt";
/// The seed of every spine's ledger.
pub const LEDGER: [u8; 32] = [9; 32];

/// The root key of a spine without a sealed file.
pub const ROOT: [u8; 32] = [6; 32];
/// The tables of the rooms that every spine has.
pub const TABLES: &[&[Migration]] =
    &[access::MIGRATIONS, keys::MIGRATIONS, archive::MIGRATIONS, catalog::MIGRATIONS];

/// What a spine that is opened again must know: the site, and its administrator's session.
const KNOWN: &str = "known.txt";

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

    fn subject<'a>(&'a self, id: &'a str) -> SubjectAnswer<'a> {
        Box::pin(async move {
            Ok(match id.parse() {
                Ok(object) => self.archive.subject_of(&object).await?,
                Err(_) => self.catalog.subject_of(id).await?,
            })
        })
    }

    fn usable<'a>(&'a self, using: access::Using<'a>) -> UseAnswer<'a> {
        match &self.more {
            Some(more) => more.usable(using),
            None => Box::pin(async { Ok(Vec::new()) }),
        }
    }

    fn is_lent<'a>(&'a self, workspace: &'a ProjectId, id: &'a str) -> access::facts::LentAnswer<'a> {
        match &self.more {
            Some(more) => more.is_lent(workspace, id),
            None => Box::pin(async { Ok(false) }),
        }
    }

    fn strictest(&self) -> ClassAnswer<'_> {
        Box::pin(async move { Ok(self.catalog.strictest_class().await?) })
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
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder { path: temporary.path().to_owned(), _temporary: Some(temporary) };
        Self::make(folder, rooms, more, Arc::new(SystemClock::default()), None).await
    }

    /// A new spine that goes by `clock` and keeps bodies in `store`.
    pub async fn with_store(clock: Arc<dyn Clock>, store: Option<Arc<dyn Store>>) -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder { path: temporary.path().to_owned(), _temporary: Some(temporary) };
        Self::make(folder, &[], |_, _| None, clock, store).await
    }

    /// A new spine in `folder`, which stays, and can be opened again with [`Spine::open_in`].
    pub async fn create_in(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let folder = Folder { path: folder.to_owned(), _temporary: None };
        Self::make(folder, &[], |_, _| None, Arc::new(SystemClock::default()), None).await
    }

    async fn make(
        folder: Folder,
        rooms: &[&[Migration]],
        more: impl FnOnce(&Db, &Catalog) -> Option<Arc<dyn Facts>>,
        clock: Arc<dyn Clock>,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        let parts = Parts::new(folder.path(), ledger::Ledger::create, rooms, clock).await.expect("a spine");
        let site = SiteId::mint(&*parts.entropy);
        let created = What::SiteCreated { program: "test".into() };
        let event = Event::new(Actor::Site(site.clone()), created);
        let position = parts.audit.gate(&event).await.expect("a record").position;
        let tx = parts.db.begin(position).await.expect("a transaction");
        parts.keys.create_site_key(&tx).await.expect("a site key");
        let (_, token) = parts.access.create_first_account(&tx, "first").await.expect("a first account");
        tx.commit().await.expect("a commit");
        let session = session(&parts.access, &token).await;
        std::fs::write(folder.path().join(KNOWN), format!("{site} {session}")).expect("a note");
        parts.join(folder, site, &session, more, store).await.expect("a spine")
    }

    /// Opens the spine that lies in `folder` as a start does: what the ledger and the database hold
    /// is compared, and bodies that a crash left are cleared. Errors are the product's own.
    pub async fn open_in(folder: &Path) -> anyhow::Result<Self> {
        let spine = Self::open_unswept(folder).await?;
        spine.archive.sweep().await?;
        Ok(spine)
    }

    /// The same, with the sweep left for later, as a site leaves it.
    pub async fn open_unswept(folder: &Path) -> anyhow::Result<Self> {
        let known = std::fs::read_to_string(folder.join(KNOWN))?;
        let (site, session) = known.split_once(' ').context("no site is known")?;
        let site: SiteId = site.parse().map_err(|_| anyhow::anyhow!("no id of a site"))?;
        let open = |dir: &Path, _: &str, key, clock| ledger::Ledger::open(dir, key, clock);
        let parts = Parts::new(folder, open, &[], Arc::new(SystemClock::default())).await?;
        parts
            .audit
            .reconcile(&Actor::Site(site.clone()), "test", Found::watermark(parts.db.watermark()))
            .await?;
        let folder = Folder { path: folder.to_owned(), _temporary: None };
        parts.join(folder, site, session, |_, _| None, None).await
    }

    /// Ends as a site's process does: what waits is committed, and the database closed.
    pub async fn close(self) {
        self.audit.ledger().close().expect("the ledger closes");
        self.db.close().await.expect("the database closes");
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
    /// Where the class asks for it, they signed in with passkeys.
    pub fn project(&self, class: Class) -> Boxed<'_, Members> {
        Box::pin(self.made_project(class))
    }

    async fn made_project(&self, class: Class) -> Members {
        let strong = class >= Class::Controlled;
        let manager = self.person("manager", strong).await;
        let create: Permit<Manage, Site> = self.permit(&self.admin, Action::CreateProject, &self.site).await;
        let tx = self.db.begin(create.decision()).await.expect("a transaction");
        let made = self.catalog.create_project(&create, &tx, new_project(class)).await.expect("a project");
        self.keys.create_project_key(&create, &tx, &made.id, class).await.expect("a project key");
        let place = (&made.id, class);
        self.access
            .adopt_project(&create, &tx, place, std::slice::from_ref(&manager.1))
            .await
            .expect("an administrator");
        tx.commit().await.expect("a commit");
        self.keys.load_project_key(&made.id).await.expect("a usable key");
        self.access.close(&self.admin, Default::default()).await.expect("an outcome");
        let people = vec![(Role::ProjectAdministrator, manager.0.clone(), manager.1)];
        let mut members = Members { project: made.id, people };
        for role in
            Role::ALL.iter().copied().filter(|r| !r.is_site_wide() && *r != Role::ProjectAdministrator)
        {
            let (caller, id) = self.person(role.as_str(), strong).await;
            self.add(&members, &id, role).await;
            members.people.push((role, caller, id));
        }
        self.access.close(&manager.0, Default::default()).await.expect("outcomes");
        members
    }

    /// A further person in the project; gives the session's token. Whoever joins a strict project signs in with a passkey, as
    /// those who are in it did.
    pub async fn join(&self, members: &Members, role: Role) -> String {
        let (token, id) = self.invited("joined").await;
        let mut token = session(&self.access, &token).await;
        if members.with(role).signed().is_some_and(|signed| signed.proof.resists_phishing()) {
            let caller = self.access.authenticate(&token).await.expect("a caller");
            let (mut passkey, _) = self.with_passkey(&caller).await;
            token = self.passkey_session(&mut passkey).await.expect("a session");
        }
        self.add(members, &id, role).await;
        self.access
            .close(members.with(Role::ProjectAdministrator), Default::default())
            .await
            .expect("outcomes");
        token
    }

    /// Gives somebody a role in the project, as its administrator.
    pub fn add<'a>(&'a self, members: &'a Members, id: &'a UserId, role: Role) -> Boxed<'a, ()> {
        Box::pin(self.added(members, id, role))
    }

    async fn added(&self, members: &Members, id: &UserId, role: Role) {
        let manager = members.with(Role::ProjectAdministrator);
        let ask = Ask::<Project>::new(Action::AdministerProject, [members.project.clone()]).target(id);
        let permit: Permit<Manage, Project> = self.access.decide(manager, ask).await.expect("allowed");
        let tx = self.db.begin(permit.decision()).await.expect("a transaction");
        self.access.add_member(&permit, &tx, id, role, &Default::default()).await.expect("a member");
        tx.commit().await.expect("a commit");
    }

    /// The same for somebody without a passkey in a strict project, as releases before this one did.
    pub async fn add_from_before(&self, members: &Members, id: &UserId, role: Role) {
        use db::sea_orm::ConnectionTrait;
        let usual = self.project(Class::Research).await;
        self.add(&usual, id, role).await;
        let sql = format!(
            "UPDATE access_grant SET project = '{}' WHERE account = '{id}' AND project = '{}'",
            members.project, usual.project
        );
        self.db.reader().execute_unprepared(&sql).await.expect("a role of before");
    }

    /// A new account, signed in. `name` may be used again: a number is added.
    pub fn account<'a>(&'a self, name: &'a str) -> Boxed<'a, (Caller, UserId)> {
        Box::pin(self.signed_in(name))
    }

    async fn signed_in(&self, name: &str) -> (Caller, UserId) {
        let (token, id) = self.invited(name).await;
        let session = session(&self.access, &token).await;
        // Tests that wait for years ask on: what they do is not a session's.
        (self.access.authenticate(&session).await.expect("a caller").detached(), id)
    }

    async fn person(&self, name: &str, strong: bool) -> (Caller, UserId) {
        let (caller, id) = self.account(name).await;
        match strong {
            true => (self.with_passkey(&caller).await.1.detached(), id),
            false => (caller, id),
        }
    }

    /// Enrols a passkey for somebody who is signed in, and signs them in with it.
    pub fn with_passkey<'a>(&'a self, caller: &'a Caller) -> Boxed<'a, (Authenticator, Caller)> {
        Box::pin(self.enrolled(caller))
    }

    async fn enrolled(&self, caller: &Caller) -> (Authenticator, Caller) {
        let mut passkey = authenticator();
        let asked = self.access.begin_enrolment(caller).await.expect("an enrolment");
        let answer = passkey.enrol(&asked.options);
        self.access.finish_enrolment(caller, &asked.ceremony, "made", answer).await.expect("a passkey");
        let token = self.passkey_session(&mut passkey).await.expect("a session");
        (passkey, self.access.authenticate(&token).await.expect("a caller"))
    }

    /// The token of a session that a passkey begins.
    pub async fn passkey_session(&self, passkey: &mut Authenticator) -> Result<String, access::Error> {
        let asked = self.access.begin_passkey(access::Source::Socket)?;
        let answer = passkey.answer(&asked.options).expect("an answer");
        let request = RequestId::mint(&SystemEntropy);
        let session =
            self.access.finish_passkey(&asked.ceremony, answer, access::Source::Socket, &request).await?;
        Ok(session.expose().to_owned())
    }

    async fn invited(&self, name: &str) -> (access::OneTimeToken, UserId) {
        let permit: Permit<Manage, Site> = self.permit(&self.admin, Action::ManageAccounts, &self.site).await;
        let tx = self.db.begin(permit.decision()).await.expect("a transaction");
        let unique = format!("{name}{}", permit.decision());
        let (account, token) = self.access.create_account(&permit, &tx, &unique).await.expect("an account");
        tx.commit().await.expect("a commit");
        (token, account.id)
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
        terms: Terms::parse("DUO:0000042").expect("a term"),
        stated: StatedUse::of_purpose(Purpose::Research),
        scope: Scope {
            granularity: Granularity::Genome,
            frameworks: vec![Framework::None],
            incidental: Incidental::NotReported,
        },
        basis: Basis::Board,
        region: "EU".into(),
        retention: Retention::Days90,
        consent: "TEST-1".into(),
    }
}

/// The lower rooms, opened and not yet joined.
struct Parts {
    db: Db,
    audit: Audit,
    access: Access,
    keys: Keys,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

type OpenLedger = fn(&Path, &str, ledger::SigningKey, Arc<dyn Clock>) -> ledger::Result<ledger::Ledger>;

impl Parts {
    fn new<'a>(
        folder: &'a Path,
        ledger: OpenLedger,
        rooms: &'a [&'a [Migration]],
        clock: Arc<dyn Clock>,
    ) -> Boxed<'a, anyhow::Result<Self>> {
        Box::pin(Self::opened(folder, ledger, rooms, clock))
    }

    async fn opened(
        folder: &Path,
        ledger: OpenLedger,
        rooms: &[&[Migration]],
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let all = [TABLES, rooms].concat();
        let key = ledger::SigningKey::from_seed(&LEDGER)?;
        let audit = Audit::new(ledger(&folder.join("ledger"), "test.example/site", key, clock.clone())?);
        let db = crate::postgres::database(folder, DATABASE, &all).await?;
        let policies = policy::Policies::shipped()?;
        let access = Access::new(db.clone(), audit.clone(), policies, clock.clone(), entropy.clone());
        let roots = roots_in(folder)?;
        // Custody of the strict kind: projects of every class may be made.
        let custody = Custody::Shares { needed: 2, made: 3 };
        let keys = Keys::open(db.clone(), roots, custody, entropy.clone()).await?;
        keys.open_columns().await?;
        Ok(Self { db, audit, access, keys, clock, entropy })
    }

    /// Joins them; `session` is the administrator's.
    async fn join(
        self,
        folder: Folder,
        site: SiteId,
        session: &str,
        more: impl FnOnce(&Db, &Catalog) -> Option<Arc<dyn Facts>>,
        store: Option<Arc<dyn Store>>,
    ) -> anyhow::Result<Spine> {
        let Self { db, audit, access, keys, clock, entropy } = self;
        let store = match store {
            Some(store) => store,
            None => {
                let local = Local::open(&folder.path().join("objects"), clock.clone(), Flag::Off)?;
                Arc::new(local.of(&site))
            }
        };
        let archive = Archive::new(ArchiveParts {
            store,
            db: db.clone(),
            keys: keys.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            site: site.clone(),
        });
        archive.claim().await?;
        let catalog = Catalog::new(db.clone(), clock.clone(), entropy.clone());
        let more = more(&db, &catalog);
        let places = Places { site: site.clone(), catalog: catalog.clone(), archive: archive.clone(), more };
        access.attach(Arc::new(places), Arc::new(keys.clone()));
        access.use_passkeys(access::Passkeys::at(crate::authenticator::ORIGIN)?);
        let admin = access.authenticate(session).await?.detached();
        Ok(Spine { folder, site, db, audit, access, keys, archive, catalog, clock, entropy, admin })
    }
}

/// The root keys: those of the sealed file where there is one, else the same for every spine.
fn roots_in(folder: &Path) -> anyhow::Result<Roots> {
    let safe = Safe::new(folder.join(SEALED), Reach::default());
    if !safe.path().exists() {
        return Ok(Roots::first(WrappingKey::from_bytes(ROOT)));
    }
    let shares = std::fs::read_to_string(folder.join(SHARES))?;
    Ok(safe.unseal(&Credential::new(shares))?.1.roots)
}

/// What a spine's sealed file holds, with these roots.
pub(crate) fn secrets(roots: Roots) -> SiteSecrets {
    let seed = |bytes| Zeroizing::new(bytes);
    SiteSecrets {
        roots,
        database: seed(DATABASE),
        ledger: seed(LEDGER),
        receipts: seed([7; 32]),
        sealings: 0,
    }
}

/// A further one-time token of an account, whose sessions stay: what the door gives nobody.
pub async fn token(spine: &Spine, account: &UserId) -> access::OneTimeToken {
    use db::sea_orm::{ConnectionTrait, Statement};
    use std::fmt::Write;
    let mut text = "once_".to_owned();
    for byte in base::entropy::bytes::<32>(&*spine.entropy) {
        let _ = write!(text, "{byte:02x}");
    }
    let (digest, ends) = (blake3::hash(text.as_bytes()), spine.clock.now().as_second() + 3600);
    let row = [digest.as_bytes().to_vec().into(), account.to_string().into(), ends.into()];
    let reader = spine.db.reader();
    let sql = "INSERT INTO access_token VALUES ($1, $2, $3)";
    let insert = Statement::from_sql_and_values(reader.get_database_backend(), sql, row);
    reader.execute_raw(insert).await.expect("a token");
    spine.access.one_time_token(&text).expect("a token's shape")
}

/// The token of a session that `token` begins.
async fn session(access: &Access, token: &access::OneTimeToken) -> String {
    let session = access.redeem(token, &RequestId::mint(&SystemEntropy)).await.expect("a session");
    session.expose().to_owned()
}
