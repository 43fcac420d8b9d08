//! What policies ask about, read from their parsed form: blanks, escapes and other spellings hide nothing.

use cedar_policy::Policy;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What some policies ask about. What is not understood counts as asking about everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    words: BTreeSet<String>,
    everything: bool,
}

impl Asked {
    /// Whether they ask about this: an attribute of anything (`hour`), one entity of a type (`Person::`), or
    /// whether something is of a type (`is Service`).
    pub fn has(&self, word: &str) -> bool {
        self.everything || self.words.contains(word)
    }

    /// What these or `others` ask about.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.words.extend(others.words);
        self.everything |= others.everything;
        self
    }

    pub(crate) fn of<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut asked = Self::default();
        for policy in policies {
            match policy.to_json() {
                Ok(json) => asked.read(&json),
                Err(_) => asked.everything = true,
            }
        }
        asked
    }

    fn read(&mut self, value: &Value) {
        match value {
            Value::Array(all) => all.iter().for_each(|one| self.read(one)),
            Value::Object(object) => self.read_object(object),
            _ => {}
        }
    }

    fn read_object(&mut self, object: &Map<String, Value>) {
        if let (Some(Value::String(kind)), Some(Value::String(_))) = (object.get("type"), object.get("id")) {
            self.words.insert(format!("{kind}::"));
        }
        for (key, value) in object {
            match (key.as_str(), value) {
                ("entity_type", Value::String(kind)) => drop(self.words.insert(format!("is {kind}"))),
                ("." | "has", of) => self.attribute(of),
                // The circumstances as a whole: all that is in them.
                ("Var", Value::String(name)) if name == "context" => self.everything = true,
                _ => self.read(value),
            }
        }
    }

    fn attribute(&mut self, of: &Value) {
        match of.get("attr") {
            Some(Value::String(name)) => drop(self.words.insert(name.clone())),
            _ => self.everything = true,
        }
        match of.get("left") {
            // The attribute of one of the four, and not all of it.
            Some(left) if left.get("Var").is_some() => {}
            Some(left) => self.read(left),
            None => self.everything = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Policies;
    use crate::set::SHIPPED;

    fn asked(text: &str) -> super::Asked {
        let shipped = Policies::shipped().unwrap();
        let mut texts: std::collections::BTreeMap<_, _> =
            SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let text = format!("@id(\"own\") @why(\"tried\") {text}");
        texts.insert("own.cedar".to_owned(), text);
        Policies::load(texts).unwrap().asked(&shipped)
    }

    #[test]
    fn a_fact_is_found_however_it_is_spelt() {
        let when = |what: &str| {
            asked(&format!(
                "forbid (principal, action == Action::\"view-variants\", resource) when {{ {what} }};"
            ))
        };
        for (text, word) in [
            ("context.hour == 3", "hour"),
            ("context [ \"hour\" ] == 3", "hour"),
            ("context[\"h\\u{6f}ur\"] == 3", "hour"),
            ("context has \"t\\u{61}rget\"", "target"),
            ("resource[\"kind\"] == \"sample\"", "kind"),
            ("principal == Person :: \"usr_x\"", "Person::"),
            ("principal in [Person// of ours\n::\"usr_x\"]", "Person::"),
            ("resource == ProjectThing::\"smp_x\"", "ProjectThing::"),
            ("principal is Service", "is Service"),
            ("if context.same_person then context.weekday > 5 else false", "weekday"),
        ] {
            let found = when(text);
            assert!(found.has(word) && !found.everything, "{text}: {found:?}");
            assert!(!found.has("purpose"), "{text}: {found:?}");
        }
        assert!(asked("permit (principal == Person :: \"usr_x\", action, resource);").has("Person::"));
        assert!(asked("permit (principal is Service, action, resource);").has("is Service"));
        // Nothing but roles, and nothing that only the shipped ones ask about.
        let plain = asked("permit (principal in SiteRole::\"auditor\", action, resource);");
        assert!(plain.words.iter().eq(["SiteRole::"]) && !plain.everything, "{plain:?}");
        assert_eq!(
            Policies::shipped().unwrap().asked(&Policies::shipped().unwrap()),
            super::Asked::default()
        );
        // The circumstances as a whole are all of them.
        assert!(when("[context].contains(context)").everything);
    }
}
