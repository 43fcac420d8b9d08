//! Writing terms, in canonical form.

use super::Code;
use super::data::{Subject, Terms};
use super::text::UNSTATED;
use std::fmt;

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = Vec::new();
        if self.unstated {
            list.push(UNSTATED.to_owned());
        }
        // NRES beside what is not stated adds nothing.
        if self.subject != Subject::Anything || !self.unstated {
            list.push(term(self.subject.code(), self.value(self.subject.code())));
        }
        let modifiers = Code::ALL.iter().filter(|code| !code.is_permission() && self.writes(**code));
        list.extend(modifiers.map(|code| term(*code, self.value(*code))));
        f.write_str(&list.join(" "))
    }
}

impl Terms {
    /// What the terms say, a sentence for each.
    pub fn words(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.unstated {
            sentences.push("it is not stated what the data, or a part of it, may be used for".to_owned());
        }
        let permission = (self.subject != Subject::Anything || !self.unstated).then(|| self.subject.code());
        let modifiers = Code::ALL.iter().copied().filter(|code| !code.is_permission() && self.writes(*code));
        sentences.extend(permission.into_iter().chain(modifiers).map(|code| match self.value(code) {
            Some(value) if value.is_empty() => format!("{} (none is named)", code.words()),
            Some(value) => {
                // The months come last.
                let months =
                    code == Code::TimeLimit && self.until.as_ref().is_some_and(|it| it.months.is_some());
                format!("{}: {}{}", code.words(), in_words(&value), if months { " months" } else { "" })
            }
            None => code.words().to_owned(),
        }));
        sentences
    }

    fn writes(&self, code: Code) -> bool {
        let both = self.has(Code::NonProfit) && self.has(Code::NonCommercial);
        match code {
            Code::NonProfitNonCommercial => both,
            Code::NonProfit | Code::NonCommercial => self.has(code) && !both,
            Code::Care => self.care && (self.subject != Subject::Anything || self.unstated),
            Code::Regions => self.regions.is_some(),
            Code::Users => self.users.is_some(),
            Code::Projects => self.projects.is_some(),
            Code::Institutions => self.institutions.is_some(),
            Code::ResearchType => self.kinds.is_some(),
            Code::Moratorium => self.moratorium.is_some(),
            Code::TimeLimit => self.until.is_some(),
            _ => self.has(code),
        }
    }

    /// The value of a code that takes one; empty when it is not named.
    fn value(&self, code: Code) -> Option<String> {
        match code {
            Code::DiseaseSpecific => match &self.subject {
                Subject::Diseases(within) => {
                    Some(parts(within.unnamed, within.parts.iter().map(list).collect()))
                }
                _ => None,
            },
            Code::Regions => {
                self.regions.as_ref().map(|one| parts(one.unnamed, one.named.iter().map(list).collect()))
            }
            Code::Users => {
                self.users.as_ref().map(|one| parts(one.unnamed, one.named.iter().map(list).collect()))
            }
            Code::Projects => {
                self.projects.as_ref().map(|one| parts(one.unnamed, one.named.iter().map(list).collect()))
            }
            Code::Institutions => {
                self.institutions.as_ref().map(|one| parts(one.unnamed, one.named.iter().map(list).collect()))
            }
            Code::ResearchType => self.kinds.as_ref().map(|kinds| {
                parts(kinds.unnamed, kinds.named.iter().map(|kind| format!("DUO:00000{kind}")).collect())
            }),
            Code::Moratorium => self
                .moratorium
                .as_ref()
                .map(|until| parts(until.unnamed, until.day.iter().map(ToString::to_string).collect())),
            Code::TimeLimit => self.until.as_ref().map(|until| {
                let (day, months) = (until.day.map(|d| d.to_string()), until.months.map(|m| m.to_string()));
                parts(until.unnamed, day.into_iter().chain(months).collect())
            }),
            _ => None,
        }
    }
}

fn term(code: Code, value: Option<String>) -> String {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => format!("{}={value}", code.as_str()),
        None => code.as_str().to_owned(),
    }
}

fn list<'a, T: fmt::Display + 'a>(items: impl IntoIterator<Item = &'a T>) -> String {
    items.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn parts(unnamed: bool, mut parts: Vec<String>) -> String {
    if unnamed && !parts.is_empty() {
        parts.insert(0, "?".to_owned());
    }
    parts.join("&")
}

fn in_words(value: &str) -> String {
    let named = value.strip_prefix("?&");
    let words = named.unwrap_or(value).replace(',', " or ").replace('&', ", and also ");
    if named.is_some() { format!("one that is not named, and also {words}") } else { words }
}
