//! The room's tables.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        step: "sharing-1",
        sql: &[
            "CREATE TABLE sharing_dataset (id TEXT PRIMARY KEY, home TEXT NOT NULL, name TEXT NOT NULL, terms TEXT NOT NULL, \
         purposes TEXT NOT NULL, granularity TEXT NOT NULL, frameworks TEXT NOT NULL, contract TEXT, class TEXT NOT NULL, \
         region TEXT NOT NULL, samples BIGINT NOT NULL, persons BIGINT NOT NULL, position BIGINT NOT NULL, \
         published BIGINT NOT NULL, closed BIGINT)",
            "CREATE TABLE sharing_dataset_sample (dataset TEXT NOT NULL REFERENCES sharing_dataset (id), sample TEXT NOT NULL, \
         PRIMARY KEY (dataset, sample))",
            "CREATE INDEX sharing_dataset_sample_sample ON sharing_dataset_sample (sample)",
            "CREATE TABLE sharing_application (id TEXT PRIMARY KEY, dataset TEXT NOT NULL REFERENCES sharing_dataset (id), \
         home TEXT NOT NULL, workspace TEXT NOT NULL, applicant TEXT NOT NULL, party TEXT NOT NULL, state TEXT NOT NULL, \
         asked_until BIGINT NOT NULL, valid_until BIGINT, reasons TEXT, approved BIGINT, reported BIGINT, \
         position BIGINT NOT NULL)",
            "CREATE INDEX sharing_application_workspace ON sharing_application (workspace)",
            "CREATE INDEX sharing_application_home ON sharing_application (home)",
            "CREATE TABLE sharing_person (application TEXT NOT NULL REFERENCES sharing_application (id), \
         account TEXT NOT NULL, PRIMARY KEY (application, account))",
            "CREATE TABLE sharing_agreement (id TEXT PRIMARY KEY, home TEXT NOT NULL, contract TEXT NOT NULL, \
         party TEXT NOT NULL, dataset TEXT, document TEXT NOT NULL, valid_until BIGINT NOT NULL, ended BIGINT, \
         position BIGINT NOT NULL)",
            "CREATE INDEX sharing_agreement_home ON sharing_agreement (home)",
            "CREATE TABLE sharing_verified (object TEXT PRIMARY KEY, at BIGINT NOT NULL, matches INTEGER NOT NULL)",
        ],
    },
    Migration {
        step: "sharing-2",
        sql: &[
            "ALTER TABLE sharing_person ADD COLUMN valid_until BIGINT",
            "ALTER TABLE sharing_application ADD COLUMN told_end BIGINT",
            "ALTER TABLE sharing_application ADD COLUMN told_report BIGINT",
            "ALTER TABLE sharing_application ADD COLUMN why TEXT",
        ],
    },
    Migration { step: "sharing-3", sql: &["ALTER TABLE sharing_application ADD COLUMN report TEXT"] },
];

db::entity!(dataset, "sharing_dataset", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub home: String,
    /// Sealed.
    pub name: String,
    pub terms: String,
    /// Words with a blank between them, as the next but one.
    pub purposes: String,
    pub granularity: String,
    pub frameworks: String,
    pub contract: Option<String>,
    pub class: String,
    pub region: String,
    pub samples: i64,
    pub persons: i64,
    /// The ledger position of its event, as in the other tables.
    pub position: i64,
    /// Seconds since 1970, as all times.
    pub published: i64,
    pub closed: Option<i64>,
});

db::entity!(dataset_sample, "sharing_dataset_sample", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub dataset: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sample: String,
});

db::entity!(application, "sharing_application", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub dataset: String,
    pub home: String,
    pub workspace: String,
    pub applicant: String,
    pub party: String,
    pub state: String,
    /// Until when it is asked for.
    pub asked_until: i64,
    /// Until when it was approved; it stays while a renewal is asked for.
    pub valid_until: Option<i64>,
    /// What the approval covers, one a line, sealed.
    pub reasons: Option<String>,
    pub approved: Option<i64>,
    pub reported: Option<i64>,
    pub position: i64,
    /// The end, and the day of a report, that the record was told of last.
    pub told_end: Option<i64>,
    pub told_report: Option<i64>,
    /// Why it was asked for last, sealed.
    pub why: Option<String>,
    /// What was reported last, sealed.
    pub report: Option<String>,
});

db::entity!(person, "sharing_person", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub application: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    /// Until when a list authorizes them, if it said.
    pub valid_until: Option<i64>,
});

db::entity!(agreement, "sharing_agreement", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub home: String,
    pub contract: String,
    pub party: String,
    pub dataset: Option<String>,
    pub document: String,
    pub valid_until: i64,
    pub ended: Option<i64>,
    pub position: i64,
});

db::entity!(verified, "sharing_verified", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub object: String,
    pub at: i64,
    pub matches: i32,
});
