//! What a visa makes its word depend on: other visas of the same passport (Passport 1.2, "conditions").

use crate::visa::{Refused, Visa};
use serde_json::{Map, Value};

/// Alternatives of a visa at most, and clauses of one.
const MOST: usize = 32;
/// Characters of a pattern, and of what it is compared with, at most.
const LONGEST: usize = 255;

/// Alternatives, of which one has to be met with all of its clauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conditions(Vec<Vec<Clause>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    kind: String,
    value: Option<Match>,
    source: Option<Match>,
    by: Option<Match>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Match {
    Const(String),
    Pattern(String),
    Split(String),
}

impl Conditions {
    /// Reads the claim. None for one that is absent or empty. What cannot be evaluated to its last clause is refused
    /// as a whole, also where another alternative could be met: half a condition is another condition.
    pub fn read(value: Option<&Value>) -> Result<Option<Self>, Refused> {
        let form = |why: &str| Refused::Conditions(why.to_owned());
        let Some(value) = value else { return Ok(None) };
        let all = value.as_array().ok_or_else(|| form("they are no list"))?;
        if all.is_empty() {
            return Ok(None);
        }
        if all.len() > MOST {
            return Err(form("there are more than 32 alternatives"));
        }
        let mut alternatives = Vec::new();
        for (at, alternative) in (1..).zip(all) {
            let place = |why: &str| form(&format!("alternative {at} {why}"));
            let clauses = alternative.as_array().ok_or_else(|| place("is no list"))?;
            if clauses.is_empty() || clauses.len() > MOST {
                return Err(place("has none, or more than 32 clauses"));
            }
            let mut found = Vec::new();
            for (number, clause) in (1..).zip(clauses) {
                let read = clause.as_object().ok_or("is no object").and_then(Clause::read);
                found.push(read.map_err(|why| place(&format!("clause {number} {why}")))?);
            }
            alternatives.push(found);
        }
        Ok(Some(Self(alternatives)))
    }

    /// Until when they are met by `others`, in seconds; none when they are not.
    ///
    /// Visas that have conditions of their own meet none, so that nothing leads in a circle.
    pub fn met_until(&self, others: &[&Visa<'_>]) -> Option<i64> {
        let plain: Vec<&Visa<'_>> = others.iter().copied().filter(|visa| visa.conditions.is_none()).collect();
        let clause =
            |clause: &Clause| plain.iter().filter(|visa| clause.is_met_by(visa)).map(|visa| visa.until).max();
        let alternative = |clauses: &Vec<Clause>| {
            clauses.iter().map(clause).collect::<Option<Vec<i64>>>().and_then(|ends| ends.into_iter().min())
        };
        self.0.iter().filter_map(alternative).max()
    }
}

impl Clause {
    fn read(clause: &Map<String, Value>) -> Result<Self, &'static str> {
        let (mut kind, mut value, mut source, mut by) = (None, None, None, None);
        for (name, what) in clause {
            let text = what
                .as_str()
                .filter(|text| text.chars().count() <= LONGEST)
                .ok_or("asks for something that is no text")?;
            match name.as_str() {
                "type" => kind = Some(text.to_owned()),
                "value" => value = Some(Match::read(text)?),
                "source" => source = Some(Match::read(text)?),
                "by" => by = Some(Match::read(text)?),
                _ => return Err("asks about something else than `type`, `value`, `source` and `by`"),
            }
        }
        let kind = kind.ok_or("names no `type`")?;
        if value.is_none() && source.is_none() && by.is_none() {
            return Err("asks for nothing but a `type`");
        }
        Ok(Self { kind, value, source, by })
    }

    fn is_met_by(&self, visa: &Visa<'_>) -> bool {
        let fits = |asked: &Option<Match>, said: Option<&str>| {
            asked.as_ref().is_none_or(|asked| said.is_some_and(|said| asked.fits(said)))
        };
        self.kind == visa.kind
            && fits(&self.value, Some(&visa.value))
            && fits(&self.source, Some(&visa.source))
            && fits(&self.by, visa.by.as_deref())
    }
}

impl Match {
    fn read(text: &str) -> Result<Self, &'static str> {
        match text.split_once(':') {
            Some(("const", rest)) => Ok(Self::Const(rest.to_owned())),
            Some(("pattern", rest)) => Ok(Self::Pattern(rest.to_owned())),
            Some(("split_pattern", rest)) => Ok(Self::Split(rest.to_owned())),
            _ => Err("compares in a way that is not known here"),
        }
    }

    fn fits(&self, said: &str) -> bool {
        match self {
            Self::Const(text) => text == said,
            Self::Pattern(pattern) => matches(pattern, said),
            Self::Split(pattern) => said.split(';').any(|part| matches(pattern, part)),
        }
    }
}

/// Whether the whole of `text` fits: `?` is one character, `*` any number. It takes at most their lengths' product of steps.
fn matches(pattern: &str, text: &str) -> bool {
    // What fits the pattern up to here: one place for each beginning of the text.
    let length = text.chars().count();
    let mut fits = vec![false; length.saturating_add(1)];
    if let Some(first) = fits.first_mut() {
        *first = true;
    }
    for wanted in pattern.chars() {
        let mut next = vec![false; fits.len()];
        let mut any = false;
        let before = std::iter::once(None).chain(text.chars().map(Some));
        let mut shorter = false;
        for ((slot, fitted), letter) in next.iter_mut().zip(&fits).zip(before) {
            any |= *fitted;
            *slot = match (wanted, letter) {
                ('*', _) => any,
                (_, None) => false,
                ('?', Some(_)) => shorter,
                (wanted, Some(letter)) => shorter && wanted == letter,
            };
            shorter = *fitted;
        }
        fits = next;
    }
    fits.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value) -> Result<Option<Conditions>, Refused> {
        Conditions::read(Some(&value))
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused_and_told() {
        let good = json!({"type": "AffiliationAndRole", "value": "const:a"});
        assert_eq!(Conditions::read(None).unwrap(), None);
        assert_eq!(check(json!([])).unwrap(), None);
        check(json!([[good], [good, good]])).unwrap().unwrap();
        for (bad, told) in [
            (json!({"type": "A", "asserted": "const:1"}), "alternative 2 clause 1 asks about something else"),
            (json!({"type": "A", "conditions": "const:1"}), "something else"),
            (json!({"type": "A", "value": "regex:.*"}), "not known here"),
            (json!({"type": "A", "value": "no prefix"}), "not known here"),
            (json!({"type": "A"}), "nothing but a `type`"),
            (json!({"value": "const:a"}), "names no `type`"),
            (json!({"type": "A", "value": 1}), "no text"),
            (json!({"type": "A", "value": format!("const:{}", "a".repeat(300))}), "no text"),
            (json!("A"), "no object"),
        ] {
            let Err(Refused::Conditions(why)) = check(json!([[good], [bad]])) else { panic!("{bad}") };
            assert!(why.contains(told), "{why}");
        }
        for bad in [
            json!({}),
            json!("a"),
            json!([[]]),
            json!([good]),
            json!(vec![json!([good]); 33]),
            json!([vec![good; 33]]),
            json!(null),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text, fits) in [
            ("faculty@*", "faculty@uni.example", true),
            ("faculty@*", "Faculty@uni.example", false),
            ("faculty@*", "a faculty@uni.example", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("?", "ä", true),
            ("??", "ä", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("**", "abc", true),
            ("*.example", "uni.example.org", false),
            ("a.c", "abc", false),
            ("[ab]", "a", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
        // A shape that takes for ever where each star tries everything.
        assert!(!matches(&"*a".repeat(100), &"a".repeat(99)));
        let split = Match::read("split_pattern:123,https:%2F%2Fexample?.org").unwrap();
        assert!(split.fits("001,https:%2F%2Fexample1.org;123,https:%2F%2Fexample2.org;456,x"));
        assert!(!split.fits("123,https:%2F%2Fexample2.org,more;x"));
    }
}
