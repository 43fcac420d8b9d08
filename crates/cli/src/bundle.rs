//! What a support bundle holds, and what is taken out of it. Specification: `docs/spec/support-bundle.md`.

use base::Timestamp;
pub use screen::Known;
use screen::Redactor;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The form that is written.
const FORMAT: &str = "sequestra-support-bundle/1";
/// Characters of a text.
const LONGEST: usize = 2_000;
/// What codes of errors begin with.
const ROOMS: &[&str] = &[
    "ACCESS",
    "ARCHIVE",
    "AUDIT",
    "BACKUP",
    "BUCKET",
    "CATALOG",
    "CLI",
    "CRYPTO",
    "DB",
    "EXEC",
    "FEED",
    "INTAKE",
    "JWT",
    "KEYS",
    "LEDGER",
    "OUTBOUND",
    "POLICY",
    "RECEIPT",
    "REPLICA",
    "RUNS",
    "SEAL",
    "SEQUESTRA",
    "SERVER",
    "SUBJECTS",
    "VARIANTS",
    "WITNESS",
];
/// Stands for a text that no redaction makes fit.
const UNFIT: &str = "<text>";

/// A bundle on its way: parts that are there, and parts that could not be had.
pub struct Bundle {
    redactor: Redactor,
    parts: Map<String, Value>,
    absent: Map<String, Value>,
}

/// A bundle that may be written.
pub struct Whole {
    /// What is written.
    pub document: Value,
    /// How many values of each kind were taken out.
    pub counts: BTreeMap<String, u64>,
}

impl Bundle {
    /// An empty one; `known` is taken out wherever it stands.
    pub fn new(known: Vec<(Known, String)>) -> Self {
        let redactor = Redactor::new(known.iter().map(|(known, text)| (*known, text.as_str())));
        Self { redactor, parts: Map::new(), absent: Map::new() }
    }

    /// Adds a part.
    pub fn add(&mut self, name: &str, part: Value) {
        self.parts.insert(name.to_owned(), part);
    }

    /// Notes that a part could not be had, and why: a code, or words of the program's own.
    pub fn lacks(&mut self, name: &str, why: &str) {
        self.absent.insert(name.to_owned(), Value::String(why.to_owned()));
    }

    /// Takes out what must not be in it, and says what that was.
    pub fn finish(self, now: Timestamp) -> Whole {
        let mut cleaner = Cleaner { redactor: &self.redactor, removed: Vec::new(), counts: BTreeMap::new() };
        let parts = cleaner.clean("/parts", Value::Object(self.parts));
        let absent = cleaner.clean("/absent", Value::Object(self.absent));
        let Cleaner { removed, counts, .. } = cleaner;
        let document = json!({
            "format": FORMAT,
            "made_at": now.to_string(),
            "program": {"name": "sequestra", "version": env!("CARGO_PKG_VERSION")},
            "parts": parts,
            "absent": absent,
            "removed": removed,
        });
        Whole { document, counts }
    }
}

struct Cleaner<'a> {
    redactor: &'a Redactor,
    removed: Vec<Value>,
    counts: BTreeMap<String, u64>,
}

impl Cleaner<'_> {
    fn clean(&mut self, at: &str, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(at, &text)),
            Value::Array(all) => {
                let clean = |(number, one)| self.clean(&format!("{at}/{number}"), one);
                Value::Array(all.into_iter().enumerate().map(clean).collect())
            }
            Value::Object(members) => {
                let mut out = Map::new();
                for (name, member) in members {
                    // Named by what is left of it: a pointer must not tell what was taken out.
                    let name = self.text(at, &name);
                    let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let member = self.clean(&place, member);
                    out.insert(name, member);
                }
                Value::Object(out)
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => value,
        }
    }

    fn text(&mut self, at: &str, text: &str) -> String {
        if passes(text) {
            return text.to_owned();
        }
        let mut clean = self.redactor.redact(text, LONGEST);
        if self.redactor.redact(&clean, LONGEST) != clean {
            clean = UNFIT.to_owned();
        }
        if clean != text {
            self.note(at, text, &clean);
        }
        clean
    }

    /// Counts what stands in `clean` for something, and did not in `text`.
    fn note(&mut self, at: &str, text: &str, clean: &str) {
        let (before, after) = (marks(text), marks(clean));
        let mut here = BTreeMap::new();
        for (mark, count) in after {
            let new = count.saturating_sub(before.get(mark).copied().unwrap_or_default());
            if new > 0 {
                here.insert(mark.to_owned(), new);
                *self.counts.entry(mark.to_owned()).or_default() += new;
            }
        }
        self.removed.push(json!({"at": at, "taken_out": here}));
    }
}

/// What stands between `<` and `>`, each with how often.
fn marks(text: &str) -> BTreeMap<&str, u64> {
    let mut found = BTreeMap::new();
    for piece in text.split('<').skip(1) {
        let mark = piece.split_once('>').map(|(mark, _)| mark).unwrap_or_default();
        if !mark.is_empty() && mark.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
            *found.entry(mark).or_default() += 1;
        }
    }
    found
}

/// What the product makes itself, and cannot name anybody: ids, digests, times, codes.
fn passes(text: &str) -> bool {
    let digest = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = text.split_once('_').is_some_and(|(prefix, rest)| {
        let alphabet = |b: u8| b.is_ascii_digit() || (b.is_ascii_lowercase() && !b"ilou".contains(&b));
        prefix.len() == 3
            && prefix.bytes().all(|b| b.is_ascii_lowercase())
            && rest.len() == 20
            && rest.bytes().all(alphabet)
    });
    let code = text.split_once('-').is_some_and(|(room, number)| {
        ROOMS.contains(&room) && number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit())
    });
    digest || id || code || text.parse::<Timestamp>().is_ok_and(|time| time.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(part: Value) -> Whole {
        let known = vec![(Known::Path, "/srv/quokka".to_owned()), (Known::User, "zquib".to_owned())];
        let mut bundle = Bundle::new(known);
        bundle.add("part", part);
        bundle.finish(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_names_somebody_is_taken_out_of_texts_and_names_of_members() {
        let part = json!({
            "log": ["open /srv/quokka/x.bam failed", "mail zorbina@ward.example of zquib", "fine"],
            "zorbina@ward.example": {"deep": ["MRN 79213340"]},
        });
        let Whole { document, counts } = whole(part);
        let text = document.to_string();
        for gone in ["quokka", "zorbina", "zquib", "79213340"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        assert!(text.contains("fine"), "{text}");
        let places: Vec<&str> =
            document["removed"].as_array().unwrap().iter().map(|one| one["at"].as_str().unwrap()).collect();
        assert_eq!(
            places,
            ["/parts/part/log/0", "/parts/part/log/1", "/parts/part", "/parts/part/<email>/deep/0"]
        );
        assert_eq!(counts.get("email"), Some(&2), "{counts:?}");
        assert_eq!(counts.values().sum::<u64>(), 5, "{counts:?}");
    }

    #[test]
    fn what_explains_a_failure_stays() {
        let part = json!({
            "id": "run_0123456789abcdefghjk", "code": "RUNS-011", "at": "2031-05-03T10:11:12.000000Z", "n": 137,
            "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "log": ["[E::hts_open] the index is older than the data file", "killed: out of memory"],
        });
        let Whole { document, counts } = whole(part.clone());
        assert_eq!(document["parts"]["part"], part);
        assert!(counts.is_empty() && document["removed"] == json!([]), "{document}");
    }

    #[test]
    fn what_looks_like_an_id_is_no_way_round() {
        for near in [
            "run_quibbleton@ward.examp",
            "MRN-79213340",
            "SMITH-001",
            "79213340",
            "Zorbina Quibbleton",
            "1931-05-03T00:00:00+00:00",
        ] {
            assert!(!passes(near), "{near}");
        }
    }

    #[test]
    fn what_could_not_be_had_is_said() {
        let mut bundle = Bundle::new(Vec::new());
        bundle.lacks("status", "ACCESS-002");
        let document = bundle.finish(Timestamp::UNIX_EPOCH).document;
        assert_eq!(document["absent"], json!({"status": "ACCESS-002"}));
        assert_eq!(document["parts"], json!({}));
    }
}
