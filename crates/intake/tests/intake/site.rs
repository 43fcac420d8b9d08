//! A site with a door for one test, and packages to send through it.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::thing::Project;
use access::verb::Write;
use access::{Access, Action, Permit};
use base::{Class, PackageId, Role, SystemEntropy};
use db::sea_orm::{ConnectionTrait, Statement};
use executor::{Executor, Settings};
use flate2::{Compression, write::GzEncoder};
use intake::{Begun, Door, Error, FastqCheck, Lease, Limits, Received};
use subjects::Map;
use testkit::{Members, Spine};

pub struct Site {
    pub door: Door,
    pub executor: Executor,
    pub spine: Spine,
    pub map: Map,
    pub members: Members,
    _memory: Memory,
}

/// Removes the executor's folder in memory after everything that stands on it.
struct Memory(PathBuf);

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Waits until the database is closed: SQLCipher frees its state when a process ends, and a connection
/// that is still closing then, on its own thread, crashes in it.
impl Drop for Site {
    fn drop(&mut self) {
        let close = async { (self.map.close().await.is_ok(), self.spine.db.close().await.is_ok()) };
        let closed = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(close));
        assert!(closed == (true, true) || std::thread::panicking(), "the databases close");
    }
}

impl Site {
    pub async fn new() -> Self {
        Self::with_child("check").await
    }

    /// A site whose checking process is the probe told to do `word`.
    pub async fn with_child(word: &str) -> Self {
        let spine = Spine::new(&[subjects::MIGRATIONS]).await;
        let members = spine.project(Class::Research).await;
        let settings = Settings::for_site(spine.folder.path());
        let memory = Memory(settings.memory.clone());
        let executor = Executor::open(settings, Arc::new(SystemEntropy)).unwrap();
        let check = check(&executor, word);
        let map = map(&spine).await;
        let door = door(&spine, &map, check);
        Self { door, executor, spine, map, members, _memory: memory }
    }

    pub async fn permit(&self) -> Permit<Write, Project> {
        let analyst = self.members.with(Role::Analyst);
        self.spine.permit(analyst, Action::Ingest, &self.members.project).await
    }

    pub async fn lease(&self) -> Lease {
        Lease::new(self.access(), self.permit().await)
    }

    pub fn access(&self) -> Access {
        self.spine.access.clone()
    }

    pub async fn begin(&self, package: &Files) -> Result<Begun, Error> {
        self.door.begin(&self.permit().await, package.sheet.as_bytes(), package.manifest.as_bytes()).await
    }

    pub async fn send(&self, package: &PackageId, number: u32, bytes: &[u8]) -> Result<Received, Error> {
        let (length, body) = (bytes.len() as u64, std::io::Cursor::new(bytes.to_vec()));
        self.door.receive(self.lease().await, package, number, Some(length), body).await
    }

    /// Sends a whole package and commits it.
    pub async fn put(&self, files: &Files) -> Result<Vec<intake::ReadsetSummary>, Error> {
        let begun = self.begin(files).await?;
        for (number, bytes) in (0..).zip(&files.bytes) {
            self.send(&begun.package.id, number, bytes).await?;
        }
        self.door.commit(&self.permit().await, &begun.package.id).await
    }

    /// Rows of the tables that a package could leave something in.
    pub async fn rows(&self) -> Vec<(&'static str, i64)> {
        let tables = [
            "catalog_package",
            "catalog_package_file",
            "catalog_subject",
            "catalog_sample",
            "catalog_readset",
            "archive_object",
        ];
        let mut counts = Vec::new();
        for table in tables {
            let connection = self.spine.db.reader();
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let statement = Statement::from_string(connection.get_database_backend(), sql);
            let row = connection.query_one_raw(statement).await.unwrap().unwrap();
            counts.push((table, row.try_get_by_index::<i64>(0).unwrap()));
        }
        counts
    }

    /// Files in the object store: a body and a tree for each object.
    pub fn stored(&self) -> usize {
        let shards = std::fs::read_dir(self.spine.folder.path().join("objects")).unwrap();
        // Beside them there is the site's mark.
        let shards = shards.map(|shard| shard.unwrap().path()).filter(|shard| shard.is_dir());
        shards.map(|shard| std::fs::read_dir(shard).unwrap().count()).sum()
    }

    pub fn assert_empty(&self, rows: &[(&'static str, i64)], case: &str) {
        assert!(rows.iter().all(|(_, count)| *count == 0), "{case}: {rows:?}");
        assert_eq!(self.stored(), 0, "{case}");
    }
}

pub fn check(executor: &Executor, word: &str) -> FastqCheck {
    let program = Path::new(env!("CARGO_BIN_EXE_intake-probe"));
    FastqCheck::new(executor, program, &[word], &Limits::default()).unwrap()
}

pub fn door(spine: &Spine, map: &Map, check: FastqCheck) -> Door {
    let (db, catalog) = (spine.db.clone(), spine.catalog.clone());
    Door::new(db, catalog, spine.archive.clone(), spine.keys.clone(), map.clone(), check)
}

/// The site's identity map.
pub async fn map(spine: &Spine) -> Map {
    let path = spine.folder.path().join("identities.db");
    Map::open(&path, &spine.db, &spine.keys, &spine.audit, &spine.entropy).await.unwrap()
}

/// A package as a sender holds it: the files in the order of the sheet.
#[derive(Clone)]
pub struct Files {
    pub sheet: String,
    pub manifest: String,
    pub bytes: Vec<Vec<u8>>,
}

pub const HEAD: &str = "patient,sample,lane,fastq_1,fastq_2,sex,status,specimen_type\n";
/// Words that must not be found in clear anywhere in a site.
pub const CANARIES: [&str; 4] = ["KANARI-7731", "KANARI-7731-B", "kanarifile_L001", "GATTACAGGCATTAGACCATA"];

impl Files {
    /// One pair for each of `reads`, of one sample, on lanes of its own.
    pub fn lanes(reads: &[u64]) -> Self {
        let lane = |n: usize| (name(n, 1), name(n, 2));
        let mut sheet = HEAD.to_owned();
        for n in 1..=reads.len() {
            let (one, two) = lane(n);
            sheet.push_str(&format!("{},{},L00{n},{one},{two},XX,0,blood\n", CANARIES[0], CANARIES[1]));
        }
        let pairs = (1..).zip(reads).flat_map(|(n, reads)| [(n, 1, *reads), (n, 2, *reads)]);
        let bytes = pairs.map(|(n, mate, reads)| gzip(&fastq(n, reads, mate))).collect();
        Self { sheet, manifest: String::new(), bytes }.signed()
    }

    /// The same with a manifest that fits the bytes as they are now.
    pub fn signed(mut self) -> Self {
        let names = (1..).flat_map(|n| [name(n, 1), name(n, 2)]);
        let lines = self.bytes.iter().zip(names).map(|(bytes, name)| format!("{}  {name}\n", md5(bytes)));
        self.manifest = lines.collect();
        self
    }
}

pub fn name(lane: usize, mate: u8) -> String {
    format!("kanarifile_L00{lane}_R{mate}.fastq.gz")
}

pub fn md5(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(md5::Md5::digest(bytes))
}

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// `reads` records that do not compress to nothing, each with the canary sequence in it.
pub fn fastq(lane: usize, reads: u64, mate: u8) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(mate);
    let mut text = Vec::new();
    for read in 0..reads {
        let mut bases = CANARIES[3].to_owned();
        let mut quality = "I".repeat(bases.len());
        for _ in 0..80 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bases.push(char::from(b"ACGT"[(state >> 33) as usize % 4]));
            quality.push(char::from(b'#' + ((state >> 40) % 38) as u8));
        }
        writeln!(text, "@A01:9:HX:{lane}:1101:{read}:77 {mate}:N:0:ACGT\n{bases}\n+\n{quality}").unwrap();
    }
    text
}

/// A body that ends with an error after `whole` bytes, as a broken connection does.
pub struct Broken(pub std::io::Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::ErrorKind::ConnectionReset.into()),
            count => Ok(count),
        }
    }
}

/// Files below `folder` that hold one of `needles`.
pub fn holding(folder: &Path, needles: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needles));
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend(path.as_os_str().as_encoded_bytes());
        if needles.iter().any(|needle| memchr::memmem::find(&bytes, needle.as_bytes()).is_some()) {
            found.push(path);
        }
    }
    found
}
