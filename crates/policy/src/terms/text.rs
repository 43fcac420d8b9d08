//! Reading terms. The grammar stands in `docs/spec/data-use.md`.

use super::data::{DISEASES, Kinds, Moratorium, OneOf, Subject, Terms, Until, Within};
use super::{Code, Day, Disease, Name, Region};
use crate::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Bytes of a text at most.
const BYTES: usize = 16_384;
/// Items of a list at most; diseases have a limit of their own.
const ITEMS: usize = 32;
/// Months of a time limit at most.
const MONTHS: u16 = 1200;
/// The class of all permissions, which says that there is one and not which.
pub(super) const UNSTATED: &str = "DUO:0000001";

/// Why a text is no list of terms, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Nothing is written.
    #[error("none is written; write a permission, such as `DUO:0000042`")]
    Empty,
    /// More than a text may have.
    #[error("more than 16384 bytes; write fewer values")]
    TooLong,
    /// A code that DUO does not have, or nothing that looks like one.
    #[error("is not in DUO 2021-02-23; write a permission ({permissions}) or a modifier ({modifiers})",
        permissions = written(true), modifiers = written(false))]
    Unknown,
    /// An obsolete code, or one that is no term.
    #[error("{0}")]
    Instead(&'static str),
    /// A short name, or a code in other letters.
    #[error("is not how it is written; write `{}`", .0.as_str())]
    Short(Code),
    /// A code that was there already, with another value.
    #[error("stands twice with different values; write it once, with its values joined by `,`")]
    Twice,
    /// A second permission.
    #[error("is a second permission; write one, or combine the terms of two datasets")]
    Permissions,
    /// A value where none belongs.
    #[error("takes no value; write the code alone")]
    Value,
    /// A value of another shape.
    #[error("its value is of another kind; write for example `{}={}`", .0.as_str(), .0.example().unwrap_or_default())]
    Shape(Code),
    /// More items than a list may have.
    #[error("names more than {0}; write fewer, or leave the value out and let a person decide")]
    TooMany(usize),
    /// POA and NPOA.
    #[error("`DUO:0000011` allows ancestry alone and `DUO:0000044` prohibits it; leave one of them out")]
    Ancestry,
}

fn written(permissions: bool) -> String {
    let those = Code::ALL.iter().filter(|code| code.is_permission() == permissions);
    those.map(|code| code.as_str()).collect::<Vec<_>>().join(", ")
}

impl Terms {
    /// The terms that are written so.
    ///
    /// # Errors
    /// `POLICY-007` about one term, `POLICY-008` about all of them, each with what to write instead.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let whole = |wrong| Error::Terms { wrong };
        if text.len() > BYTES {
            return Err(whole(Wrong::TooLong));
        }
        let mut values: BTreeMap<Code, Option<&str>> = BTreeMap::new();
        let (mut unstated, mut any) = (false, false);
        for term in text.split(' ').filter(|term| !term.is_empty()) {
            let about = |wrong| Error::Term { term: shown(term), wrong };
            any = true;
            if term == UNSTATED {
                unstated = true;
                continue;
            }
            let (code, value) =
                term.split_once('=').map_or((term, None), |(code, value)| (code, Some(value)));
            let code = Code::named(code).ok_or_else(|| about(instead(code)))?;
            if value.is_some() && code.example().is_none() {
                return Err(about(Wrong::Value));
            }
            // The very same term again says nothing new; lists from before have some.
            if values.insert(code, value).is_some_and(|before| before != value) {
                return Err(about(Wrong::Twice));
            }
            if code.is_permission() && values.keys().filter(|code| code.is_permission()).count() > 1 {
                return Err(about(Wrong::Permissions));
            }
        }
        if !any {
            return Err(whole(Wrong::Empty));
        }
        Self::of(unstated, &values)
    }

    fn of(unstated: bool, values: &BTreeMap<Code, Option<&str>>) -> Result<Self, Error> {
        let about = |code: Code, wrong| {
            let value = values.get(&code).copied().flatten().unwrap_or_default();
            Error::Term { term: shown(&format!("{}={value}", code.as_str())), wrong }
        };
        let parts = |code: Code| values.get(&code).map(|value| Parts { code, value: *value });
        let names = |code| {
            let read = parts(code).map(|parts| parts.one_of(Name::parse)).transpose();
            read.map(|found| found.map(|(unnamed, named)| OneOf { unnamed, named }))
                .map_err(|wrong| about(code, wrong))
        };
        let permission = values.keys().copied().find(|code| code.is_permission());
        let subject = match permission {
            None | Some(Code::NoRestriction) => Subject::Anything,
            Some(Code::Research) => Subject::Research,
            Some(Code::Health) => Subject::Health,
            Some(Code::AncestryOnly) => Subject::Ancestry,
            Some(code) => {
                let within = parts(code).map(|parts| parts.within()).transpose();
                let within = within.map_err(|wrong| about(code, wrong))?;
                Subject::Diseases(within.unwrap_or_else(|| Within::of(true, [])))
            }
        };
        let unstated = unstated || permission.is_none();
        let regions = parts(Code::Regions).map(|parts| parts.one_of(Region::parse)).transpose();
        let regions = regions.map_err(|wrong| about(Code::Regions, wrong))?;
        let kinds = parts(Code::ResearchType).map(|parts| parts.kinds()).transpose();
        let moratorium = parts(Code::Moratorium).map(|parts| parts.moratorium()).transpose();
        let until = parts(Code::TimeLimit).map(|parts| parts.until()).transpose();
        let terms = Self {
            care: values.contains_key(&Code::Care) || (subject == Subject::Anything && !unstated),
            unstated,
            plain: plain(values),
            regions: regions.map(|(unnamed, named)| OneOf::<Region>::of(unnamed, named)),
            users: names(Code::Users)?,
            projects: names(Code::Projects)?,
            institutions: names(Code::Institutions)?,
            kinds: kinds.map_err(|wrong| about(Code::ResearchType, wrong))?,
            moratorium: moratorium.map_err(|wrong| about(Code::Moratorium, wrong))?,
            until: until.map_err(|wrong| about(Code::TimeLimit, wrong))?,
            subject,
        };
        if terms.subject == Subject::Ancestry && terms.has(Code::NoAncestry) {
            return Err(Error::Terms { wrong: Wrong::Ancestry });
        }
        Ok(terms)
    }
}

impl FromStr for Terms {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Modifiers without a value. NPUNCU says what two others say.
fn plain(values: &BTreeMap<Code, Option<&str>>) -> u32 {
    let both = Code::NonProfit.bit() | Code::NonCommercial.bit();
    let alone = |code: &&Code| !code.is_permission() && code.example().is_none() && **code != Code::Care;
    values
        .keys()
        .filter(alone)
        .fold(0, |bits, code| bits | if *code == Code::NonProfitNonCommercial { both } else { code.bit() })
}

/// The value of a code, in its parts. No value is one that is not named.
struct Parts<'a> {
    code: Code,
    value: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Whether a part is `?`, and the others.
    fn split(&self) -> Result<(bool, Vec<&'a str>), Wrong> {
        let Some(value) = self.value else { return Ok((true, Vec::new())) };
        let (unnamed, named): (Vec<_>, Vec<_>) = value.split('&').partition(|part| *part == "?");
        if unnamed.len() > 1 { Err(Wrong::Shape(self.code)) } else { Ok((!unnamed.is_empty(), named)) }
    }

    /// The items of a part, each once.
    fn items<T: Ord>(
        &self,
        part: &str,
        most: usize,
        of: fn(&str) -> Option<T>,
    ) -> Result<BTreeSet<T>, Wrong> {
        if part.split(',').count() > most {
            return Err(Wrong::TooMany(most));
        }
        let mut items = BTreeSet::new();
        for item in part.split(',') {
            if !items.insert(of(item).ok_or(Wrong::Shape(self.code))?) {
                return Err(Wrong::Shape(self.code));
            }
        }
        Ok(items)
    }

    fn one_of<T: Ord>(&self, of: fn(&str) -> Option<T>) -> Result<(bool, Option<BTreeSet<T>>), Wrong> {
        let (unnamed, parts) = self.split()?;
        match parts.as_slice() {
            [] => Ok((unnamed, None)),
            [part] => Ok((unnamed, Some(self.items(part, ITEMS, of)?))),
            _ => Err(Wrong::Shape(self.code)),
        }
    }

    fn within(&self) -> Result<Within, Wrong> {
        let (unnamed, parts) = self.split()?;
        let parts: Result<Vec<_>, _> =
            parts.into_iter().map(|part| self.items(part, DISEASES, Disease::parse)).collect();
        let parts = parts?;
        if parts.iter().map(BTreeSet::len).sum::<usize>() > DISEASES {
            return Err(Wrong::TooMany(DISEASES));
        }
        Ok(Within::of(unnamed, parts))
    }

    fn kinds(&self) -> Result<Kinds, Wrong> {
        let (unnamed, parts) = self.split()?;
        let mut named = BTreeSet::new();
        for part in parts {
            let kind = kind(part).ok_or(Wrong::Shape(self.code))?;
            if !named.insert(kind) {
                return Err(Wrong::Shape(self.code));
            }
        }
        Ok(Kinds { unnamed, named })
    }

    fn moratorium(&self) -> Result<Moratorium, Wrong> {
        let (unnamed, parts) = self.split()?;
        match parts.as_slice() {
            [] => Ok(Moratorium { unnamed, day: None }),
            [part] => Day::parse(part)
                .map(|day| Moratorium { unnamed, day: Some(day) })
                .ok_or(Wrong::Shape(self.code)),
            _ => Err(Wrong::Shape(self.code)),
        }
    }

    fn until(&self) -> Result<Until, Wrong> {
        let (unnamed, parts) = self.split()?;
        let mut until = Until { unnamed, day: None, months: None };
        for part in parts {
            let twice = match Day::parse(part) {
                Some(day) => until.day.replace(day).is_some(),
                None => until.months.replace(months(part).ok_or(Wrong::Shape(self.code))?).is_some(),
            };
            if twice {
                return Err(Wrong::Shape(self.code));
            }
        }
        Ok(until)
    }
}

fn months(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|months| digits && (1..=MONTHS).contains(months))
}

/// One of DUO's kinds of investigation, by the end of its code.
fn kind(text: &str) -> Option<u8> {
    let number = text.strip_prefix("DUO:00000").filter(|end| end.len() == 2)?;
    number.parse().ok().filter(|kind| (31..=40).contains(kind))
}

/// What to write in place of something that is no code of a term.
fn instead(text: &str) -> Wrong {
    match text {
        "DUO:0000005" | "GRU-CC" => Wrong::Instead("is obsolete; write `DUO:0000042 DUO:0000043`"),
        "DUO:0000014" | "RU" => Wrong::Instead(
            "is obsolete; leave it out: without `DUO:0000043` a permission is for research alone",
        ),
        "DUO:0000002" | "DUO:0000003" => {
            Wrong::Instead("is obsolete, a category of codes; write a permission such as `DUO:0000042`")
        }
        UNSTATED => Wrong::Value,
        "DUO:0000017" => {
            Wrong::Instead("is the class of all modifiers; write one of them, such as `DUO:0000021`")
        }
        "DUO:00000044" => Wrong::Instead("has a zero too many; write `DUO:0000044`"),
        _ if kind(text).is_some() => {
            Wrong::Instead("is a kind of research; write it as a value, such as `DUO:0000012=DUO:0000034`")
        }
        _ => Code::ALL
            .iter()
            .copied()
            .find(|code| code.short().eq_ignore_ascii_case(text) || code.as_str().eq_ignore_ascii_case(text))
            .map_or(Wrong::Unknown, Wrong::Short),
    }
}

/// What was written, as far as it can be shown.
fn shown(term: &str) -> String {
    term.chars().filter(char::is_ascii_graphic).take(64).collect()
}
