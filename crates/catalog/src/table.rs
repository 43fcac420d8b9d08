//! The room's tables.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        step: "catalog-1",
        sql: &[
            "CREATE TABLE catalog_project (id TEXT PRIMARY KEY, name TEXT NOT NULL, class TEXT NOT NULL, purpose TEXT \
         NOT NULL, terms TEXT NOT NULL, region TEXT NOT NULL, retention TEXT NOT NULL, consent TEXT NOT NULL, \
         created_at TEXT NOT NULL)",
            "CREATE TABLE catalog_subject (id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES catalog_project (id), \
         label TEXT NOT NULL, UNIQUE (project, label))",
            "CREATE TABLE catalog_sample (id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES catalog_project (id), \
         subject TEXT NOT NULL REFERENCES catalog_subject (id), label TEXT NOT NULL, sex TEXT, status TEXT, \
         specimen_type TEXT, UNIQUE (project, label))",
            "CREATE TABLE catalog_package (id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES catalog_project (id), \
         digest TEXT NOT NULL, state TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE (project, digest))",
            "CREATE TABLE catalog_package_file (package TEXT NOT NULL REFERENCES catalog_package (id), number INTEGER \
         NOT NULL, sheet_row INTEGER NOT NULL, mate INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, \
         sample TEXT NOT NULL REFERENCES catalog_sample (id), lane TEXT NOT NULL, readset TEXT NOT NULL, \
         object TEXT, verdict TEXT, PRIMARY KEY (package, number))",
            "CREATE TABLE catalog_readset (id TEXT PRIMARY KEY, sample TEXT NOT NULL REFERENCES catalog_sample (id), \
         lane TEXT NOT NULL, object_1 TEXT NOT NULL, object_2 TEXT NOT NULL, reads BIGINT NOT NULL, bases BIGINT \
         NOT NULL, created_at TEXT NOT NULL, UNIQUE (sample, lane))",
            "CREATE TABLE catalog_reference (id TEXT PRIMARY KEY, label TEXT NOT NULL, created_at TEXT NOT NULL)",
            "CREATE TABLE catalog_reference_file (reference TEXT NOT NULL REFERENCES catalog_reference (id), \
         role TEXT NOT NULL, object TEXT NOT NULL, PRIMARY KEY (reference, role))",
            "CREATE TABLE catalog_result (object TEXT PRIMARY KEY, project TEXT NOT NULL, sample TEXT NOT NULL, \
         run TEXT NOT NULL, kind TEXT NOT NULL, created_at TEXT NOT NULL)",
            "CREATE TABLE catalog_lineage (child TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY (child, parent))",
            "CREATE INDEX catalog_lineage_parent ON catalog_lineage (parent)",
        ],
    },
    // Values that name people or tell of their health are sealed, also where the database is not encrypted.
    // Rows of before are sealed when the site is opened: `sealed` is 0 until then.
    Migration {
        step: "catalog-2",
        sql: &[
            "ALTER TABLE catalog_project ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE catalog_subject ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE catalog_subject ADD COLUMN label_index {bytes}",
            "CREATE UNIQUE INDEX catalog_subject_label ON catalog_subject (project, label_index)",
            "ALTER TABLE catalog_sample ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE catalog_sample ADD COLUMN label_index {bytes}",
            "CREATE UNIQUE INDEX catalog_sample_label ON catalog_sample (project, label_index)",
            "ALTER TABLE catalog_package_file ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
        ],
    },
    // What a project states of the use of its data; a project from before states its purpose alone.
    Migration {
        step: "catalog-3",
        sql: &[
            "ALTER TABLE catalog_project ADD COLUMN stated TEXT",
            "ALTER TABLE catalog_project ADD COLUMN basis TEXT",
            "ALTER TABLE catalog_project ADD COLUMN granularity TEXT",
            "ALTER TABLE catalog_project ADD COLUMN frameworks TEXT",
            "ALTER TABLE catalog_project ADD COLUMN incidental TEXT",
        ],
    },
    // Of which sample an object of reads is, and what its generator said of it.
    Migration {
        step: "catalog-4",
        sql: &[
            "CREATE INDEX catalog_readset_object_1 ON catalog_readset (object_1)",
            "CREATE INDEX catalog_readset_object_2 ON catalog_readset (object_2)",
            "CREATE INDEX catalog_package_file_object ON catalog_package_file (object)",
        ],
    },
];

db::entity!(project, "catalog_project", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub class: String,
    pub purpose: String,
    pub terms: String,
    pub region: String,
    pub retention: String,
    pub consent: String,
    pub created_at: String,
    /// 1 once name and consent are sealed.
    pub sealed: i32,
    pub stated: Option<String>,
    pub basis: Option<String>,
    pub granularity: Option<String>,
    pub frameworks: Option<String>,
    pub incidental: Option<String>,
});

db::entity!(subject, "catalog_subject", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub project: String,
    pub label: String,
    /// 1 once the label is sealed.
    pub sealed: i32,
    pub label_index: Option<Vec<u8>>,
});

db::entity!(sample, "catalog_sample", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub project: String,
    pub subject: String,
    pub label: String,
    pub sex: Option<String>,
    pub status: Option<String>,
    pub specimen_type: Option<String>,
    /// 1 once label, sex, status and specimen type are sealed.
    pub sealed: i32,
    pub label_index: Option<Vec<u8>>,
});

db::entity!(package, "catalog_package", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub project: String,
    pub digest: String,
    pub state: String,
    pub created_at: String,
});

db::entity!(package_file, "catalog_package_file", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub package: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub sheet_row: i32,
    pub mate: i32,
    pub name: String,
    pub digest: String,
    pub sample: String,
    pub lane: String,
    pub readset: String,
    pub object: Option<String>,
    pub verdict: Option<String>,
    /// 1 once the name is sealed.
    pub sealed: i32,
});

db::entity!(readset, "catalog_readset", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub sample: String,
    pub lane: String,
    pub object_1: String,
    pub object_2: String,
    pub reads: i64,
    pub bases: i64,
    pub created_at: String,
});

db::entity!(reference, "catalog_reference", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub label: String,
    pub created_at: String,
});

db::entity!(reference_file, "catalog_reference_file", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    pub object: String,
});

db::entity!(result, "catalog_result", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub object: String,
    pub project: String,
    pub sample: String,
    pub run: String,
    pub kind: String,
    pub created_at: String,
});

db::entity!(lineage, "catalog_lineage", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub child: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub parent: String,
});
