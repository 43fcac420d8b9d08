//! The room's table.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        step: "archive-1",
        sql: &[
            "CREATE TABLE archive_object (id TEXT PRIMARY KEY, version INTEGER NOT NULL, project TEXT, subject TEXT, \
                kind TEXT NOT NULL, form TEXT NOT NULL, body TEXT NOT NULL UNIQUE, plain_length BIGINT NOT NULL, \
                cipher_length BIGINT NOT NULL, segments BIGINT NOT NULL, root TEXT NOT NULL, base_nonce {bytes}, \
                sealed_digest TEXT NOT NULL, position BIGINT NOT NULL, created_at TEXT NOT NULL)",
        ],
    },
    // Versions, retention, hold, deletion, quarantine and scrubbing. Objects of before have no floor on
    // record, and what has none is not deleted.
    Migration {
        step: "archive-2",
        sql: &[
            "ALTER TABLE archive_object RENAME TO archive_object_1",
            "CREATE TABLE archive_object (id TEXT NOT NULL, version INTEGER NOT NULL, project TEXT, subject TEXT, \
                kind TEXT NOT NULL, form TEXT NOT NULL, body TEXT NOT NULL UNIQUE, plain_length BIGINT NOT NULL, \
                cipher_length BIGINT NOT NULL, segments BIGINT NOT NULL, root TEXT NOT NULL, base_nonce {bytes}, \
                sealed_digest TEXT NOT NULL, position BIGINT NOT NULL, created_at TEXT NOT NULL, \
                retention TEXT, kept_until TEXT, arriving INTEGER NOT NULL, locked INTEGER NOT NULL, \
                held INTEGER NOT NULL, quarantined TEXT, scrubbed_at TEXT NOT NULL, deleted_at TEXT, \
                PRIMARY KEY (id, version))",
            "INSERT INTO archive_object SELECT id, version, project, subject, kind, form, body, plain_length, \
                cipher_length, segments, root, base_nonce, sealed_digest, position, created_at, NULL, NULL, \
                CASE WHEN kind = 'fastq' THEN 1 ELSE 0 END, 0, 0, NULL, created_at, NULL FROM archive_object_1",
            "DROP TABLE archive_object_1",
            "CREATE INDEX archive_object_scrubbed ON archive_object (scrubbed_at)",
            "CREATE INDEX archive_object_created ON archive_object (created_at)",
        ],
    },
    // Counts that do not grow with the site: sums kept by project, and indexes of what is rare or due. Each index
    // stands under one of the conditions below, word for word, or the database does not use it.
    Migration {
        step: "archive-3",
        sql: &[
            "CREATE TABLE archive_count (project TEXT PRIMARY KEY, objects BIGINT NOT NULL, \
                versions BIGINT NOT NULL, bytes BIGINT NOT NULL)",
            RECOUNT,
            "DROP INDEX archive_object_scrubbed",
            "CREATE INDEX archive_object_deleted ON archive_object (body) WHERE deleted_at IS NOT NULL",
            "CREATE INDEX archive_object_quarantined ON archive_object (position, project) \
                WHERE quarantined IS NOT NULL AND deleted_at IS NULL",
            "CREATE INDEX archive_object_held ON archive_object (project) WHERE held <> 0 AND deleted_at IS NULL",
            "CREATE INDEX archive_object_unlocked ON archive_object (position, project) \
                WHERE locked = 0 AND deleted_at IS NULL AND (kept_until IS NOT NULL OR held <> 0)",
            "CREATE INDEX archive_object_due ON archive_object (scrubbed_at, cipher_length) \
                WHERE quarantined IS NULL AND deleted_at IS NULL",
            "CREATE INDEX archive_object_oldest ON archive_object (project, scrubbed_at) \
                WHERE quarantined IS NULL AND deleted_at IS NULL",
        ],
    },
    // What other projects made of somebody is found without reading every object.
    Migration {
        step: "archive-4",
        sql: &["CREATE INDEX archive_object_subject ON archive_object (subject) WHERE subject IS NOT NULL"],
    },
];

/// Fills the table of counts.
pub(crate) const RECOUNT: &str = "INSERT INTO archive_count SELECT COALESCE(project, ''), \
    CAST(SUM(CASE WHEN version = 1 THEN 1 ELSE 0 END) AS BIGINT), COUNT(*), \
    CAST(SUM(cipher_length) AS BIGINT) FROM archive_object WHERE deleted_at IS NULL \
    GROUP BY COALESCE(project, '')";

/// Tombstones.
pub(crate) const DELETED: &str = "deleted_at IS NOT NULL";
/// In quarantine.
pub(crate) const QUARANTINED: &str = "quarantined IS NOT NULL AND deleted_at IS NULL";
/// Under a hold.
pub(crate) const HELD: &str = "held <> 0 AND deleted_at IS NULL";
/// To be locked, and not locked yet.
pub(crate) const UNLOCKED: &str =
    "locked = 0 AND deleted_at IS NULL AND (kept_until IS NOT NULL OR held <> 0)";
/// What a scrub reads.
pub(crate) const SOUND: &str = "quarantined IS NULL AND deleted_at IS NULL";

db::entity!(
    /// What a project's objects come to.
    count, "archive_count", {
    /// The project; empty for the site's own.
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
    pub objects: i64,
    pub versions: i64,
    pub bytes: i64,
});

db::entity!(
    /// One version of an object.
    object, "archive_object", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub project: Option<String>,
    pub subject: Option<String>,
    pub kind: String,
    pub form: String,
    pub body: String,
    pub plain_length: i64,
    pub cipher_length: i64,
    pub segments: i64,
    pub root: String,
    pub base_nonce: Option<Vec<u8>>,
    pub sealed_digest: String,
    pub position: i64,
    pub created_at: String,
    /// The class by which it is kept; none for the site's own and for those of before.
    pub retention: Option<String>,
    /// Not deleted before this moment.
    pub kept_until: Option<String>,
    /// 1 while its package is still at the door, which may refuse it.
    pub arriving: i32,
    /// 1 when the store was told to lock it.
    pub locked: i32,
    /// 1 under a legal hold.
    pub held: i32,
    /// The word for the damage found.
    pub quarantined: Option<String>,
    /// When all of its bytes were last found right; at first, when it was sealed.
    pub scrubbed_at: String,
    /// When it was deleted: from then on the record is a tombstone.
    pub deleted_at: Option<String>,
});
