//! SQL stays with its room's tables: a table `catalog_sample` is touched in `catalog` and nowhere
//! else, so that a room can change its tables without asking who else reads them.

use crate::arrows::FOR_TESTS;
use crate::source::Source;
use crate::workspace::Place;
use crate::{Finding, Workspace};

/// Words with which a string literal starts to be SQL. Written in capitals, as all our SQL is.
const VERBS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "WITH"];
/// Words after which the name of a table comes.
const BEFORE_TABLE: &[&str] = &["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "REFERENCES", "ON"];
/// Words that may stand between the two.
const BETWEEN: &[&str] = &["IF", "NOT", "EXISTS", "OR", "IGNORE", "REPLACE", "ONLY"];
/// The database's own tables.
const OF_THE_DATABASE: &[&str] = &["sqlite_master", "sqlite_schema", "pragma_", "pg_"];

/// Tables whose name does not start with the room's own.
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Rooms for tests alone may put a site into the state that time would have brought.
    let counts = |place: &Place<'_>| place.is_source() && !FOR_TESTS.contains(&place.room);
    for (file, text, place) in workspace.rust().filter(|(.., place)| counts(place)) {
        let Ok(source) = Source::parse(text) else { continue };
        let prefix = format!("{}_", place.room.replace('-', "_"));
        let mut check_name = |line: usize, table: &str| {
            if !table.starts_with(&prefix) && !OF_THE_DATABASE.iter().any(|own| table.starts_with(own)) {
                let message = format!("table `{table}` does not start with `{prefix}`");
                findings.push(Finding::new(file, line, message));
            }
        };
        for tokens in source.tokens.windows(3) {
            if let [key, equals, value] = tokens
                && key.text == "table_name"
                && equals.text == "="
                && !key.test
                && let Some(table) = value.string()
            {
                check_name(value.line, table);
            }
        }
        for token in source.tokens.iter().filter(|token| !token.test) {
            for table in token.string().map(tables_in).unwrap_or_default() {
                check_name(token.line, &table);
            }
        }
    }
    findings
}

/// The tables that a string names, if it is SQL.
fn tables_in(text: &str) -> Vec<String> {
    // `\` at the end of a line continues a literal.
    let text = text.replace("\\\n", " ").replace("\\n", " ");
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';' | '"' | '`' | '\\'))
        .filter(|word| !word.is_empty())
        .collect();
    if !words.first().is_some_and(|word| VERBS.contains(word)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut expects_table = false;
    for (at, word) in words.iter().enumerate() {
        if BEFORE_TABLE.contains(word) {
            expects_table = is_about_a_table(&words, at);
        } else if expects_table && !BETWEEN.contains(word) {
            expects_table = false;
            // Another clause, a subquery or a placeholder.
            if word.starts_with(|c: char| c.is_ascii_lowercase()) {
                found.push((*word).to_owned());
            }
        }
    }
    found
}

/// `ON` names a table in `CREATE INDEX … ON t`, and a condition in a join; `UPDATE` and `DELETE`
/// after `ON` name what a foreign key does, as does `DO UPDATE SET`.
fn is_about_a_table(words: &[&str], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
    match words.get(at).copied() {
        Some("ON") => words.first() == Some(&"CREATE") && words.iter().take(3).any(|word| *word == "INDEX"),
        Some("UPDATE") => !matches!(before, "ON" | "DO"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(text: &str) -> Vec<String> {
        check(&Workspace::of(&[("crates/keys/src/a.rs", text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn other_rooms_tables_are_found() {
        for sql in [
            "CREATE TABLE access_grant (id TEXT PRIMARY KEY)",
            "CREATE TABLE IF NOT EXISTS access_grant (id TEXT)",
            "SELECT a FROM keys_project JOIN access_grant ON a = b",
            "INSERT OR REPLACE INTO access_grant VALUES (?)",
            "UPDATE access_grant SET a = 1",
            "DELETE FROM access_grant WHERE a = (SELECT b FROM keys_project)",
            "CREATE UNIQUE INDEX keys_one ON access_grant (a)",
            "CREATE TABLE keys_a (b TEXT REFERENCES access_grant (id) ON UPDATE CASCADE)",
        ] {
            let findings = check_one(&format!("const A: &str = \"{sql}\";"));
            assert_eq!(
                findings,
                ["crates/keys/src/a.rs:1: table `access_grant` does not start with `keys_`"],
                "{sql}"
            );
        }
        assert_eq!(check_one("#[sea_orm(table_name = \"object\")] struct A;").len(), 1);
    }

    #[test]
    fn own_tables_prose_and_tests_pass() {
        for text in [
            "const A: &str = \"CREATE TABLE keys_object (id TEXT)\";",
            "const A: &str = \"INSERT INTO keys_object VALUES (?) ON CONFLICT (id) DO UPDATE SET a = 1\";",
            "const A: &str = \"SELECT name FROM sqlite_master WHERE type = 'table'\";",
            "const A: &str = \"cannot read from access, or update the record\";",
            "#[cfg(test)] mod tests { const A: &str = \"DROP TABLE access_grant\"; }",
            "#[sea_orm(table_name = \"keys_object\")] struct A;",
        ] {
            assert_eq!(check_one(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(tables_in("SELECT a \\\n FROM access_grant"), ["access_grant"]);
    }
}
