//! The room's tables.

use db::Migration;

/// The steps to today's tables.
pub const MIGRATIONS: &[Migration] =
    &[Migration { step: "runs-1", sql: RUNS }, Migration { step: "runs-2", sql: HEADERS }];

const RUNS: &[&str] = &[
    "CREATE TABLE runs_tool (id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT \
     NULL, programs TEXT NOT NULL, listing TEXT NOT NULL, position BIGINT NOT NULL, created_at TEXT NOT NULL, \
     UNIQUE (name, digest))",
    "CREATE TABLE runs_run (id TEXT PRIMARY KEY, project TEXT NOT NULL, sample TEXT NOT NULL, reference TEXT \
     NOT NULL, workflow TEXT NOT NULL, source TEXT NOT NULL, parameters TEXT NOT NULL, actor TEXT NOT NULL, \
     state TEXT NOT NULL, tasks TEXT NOT NULL, resources TEXT, exit_code INTEGER, error TEXT, log TEXT NOT \
     NULL, position BIGINT NOT NULL, created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT)",
    "CREATE INDEX runs_run_project ON runs_run (project)",
    "CREATE TABLE runs_receipt (about TEXT PRIMARY KEY, project TEXT, json TEXT NOT NULL, created_at TEXT NOT \
     NULL)",
];

/// What the headers of results say, sealed.
const HEADERS: &[&str] = &[
    "CREATE TABLE runs_header (object TEXT PRIMARY KEY, run TEXT NOT NULL, form TEXT NOT NULL, text TEXT NOT NULL)",
    "CREATE INDEX runs_header_run ON runs_header (run)",
];

db::entity!(tool, "runs_tool", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub version: String,
    pub digest: String,
    pub programs: String,
    pub listing: String,
    pub position: i64,
    pub created_at: String,
});

db::entity!(run, "runs_run", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub project: String,
    pub sample: String,
    pub reference: String,
    pub workflow: String,
    pub source: String,
    pub parameters: String,
    pub actor: String,
    pub state: String,
    pub tasks: String,
    pub resources: Option<String>,
    pub exit_code: Option<i32>,
    pub error: Option<String>,
    pub log: String,
    pub position: i64,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
});

db::entity!(header, "runs_header", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub object: String,
    pub run: String,
    pub form: String,
    pub text: String,
});

db::entity!(receipt, "runs_receipt", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: String,
    pub project: Option<String>,
    pub json: String,
    pub created_at: String,
});
