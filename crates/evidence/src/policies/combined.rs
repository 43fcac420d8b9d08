//! C-IDN-13: data of several terms is used under the stricter of them.

use crate::site::Site;
use crate::{Control, Play, Result};
use std::collections::BTreeSet;

pub const CONTROL: Control = Control {
    id: "C-IDN-13",
    statement: "Terms that are combined are the stricter of what they were; terms that have nothing in common are refused with the reason",
    test: "combine every permission with every other, and every modifier with every other, with the program; compare each answer with a \
           table of what DUO's definitions say, worked out beside the program",
    references: &["NIH GDS", "SA 1.4.02"],
    scenario,
};

/// Permissions: any use, research, health, two diseases, ancestry, and research without ancestry.
const PERMISSIONS: [&str; 7] = ["4", "42", "6", "7=MONDO:0000001", "7=MONDO:0000002", "11", "42 44"];
/// Modifiers, each beside a permission for research; the first stands for none.
const MODIFIERS: [&str; 23] = [
    "",
    "43",
    "15",
    "16",
    "18",
    "19",
    "20",
    "21",
    "22=DE",
    "22=FR",
    "22=EU",
    "24=2030-01-01",
    "24=2031-01-01",
    "25=2030-01-01",
    "25=2031-01-01",
    "26=a",
    "26=b",
    "27=a",
    "28=a",
    "29",
    "44",
    "45",
    "46",
];

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    play.spoil("the first of two terms alone is asked for", || Ok(()))?;
    let of_research: Vec<String> =
        MODIFIERS.iter().map(|one| format!("42 {one}").trim().to_owned()).collect();
    let permissions = PERMISSIONS.map(str::to_owned);
    for (what, all) in [("permissions", permissions.as_slice()), ("modifiers", of_research.as_slice())] {
        play.does(&format!("combine each pair of {} {what}", all.len()));
        let (mut wrong, mut refused) = (Vec::new(), 0_u32);
        for one in all {
            for other in all {
                let with = if play.is_spoiled() { one } else { other };
                let found = combined(&site, one, with)?;
                let expected = together(one, other);
                refused = refused.saturating_add(u32::from(expected.is_none()));
                if found != expected {
                    wrong.push(format!("{one} with {other}: {found:?} instead of {expected:?}"));
                }
            }
        }
        let told = wrong.first().cloned().unwrap_or_else(|| {
            format!("{} pairs as worked out, {refused} of them refused", all.len().saturating_mul(all.len()))
        });
        play.expect(
            "each answer is the stricter of both, or a refusal with its reason",
            wrong.is_empty(),
            told,
        );
    }
    Ok(())
}

/// What the program says; none where it refuses with a reason.
fn combined(site: &Site, one: &str, other: &str) -> Result<Option<String>> {
    let done = site.done(&mut site.bare(&["use", "combine", &written(one), &written(other)]))?;
    match done.refused("CLI-065") {
        true => Ok(None),
        false => Ok(Some(done.out.trim().to_owned())),
    }
}

/// Codes by their numbers, as the program takes them.
fn written(terms: &str) -> String {
    let one = |term: &str| match term.split_once('=') {
        Some((code, value)) => format!("DUO:{code:0>7}={value}"),
        None => format!("DUO:{term:0>7}"),
    };
    terms.split(' ').map(one).collect::<Vec<_>>().join(" ")
}

/// What DUO's definitions make of two lists together: a permission, and conditions that all hold.
fn together(one: &str, other: &str) -> Option<String> {
    let (first, second) = (Parts::of(one), Parts::of(other));
    let permission = narrower(first.permission, second.permission)?;
    let mut plain: BTreeSet<u32> = first.plain.union(&second.plain).copied().collect();
    // Care is allowed where both allow it.
    if !(first.plain.contains(&43) && second.plain.contains(&43)) {
        plain.remove(&43);
    }
    // Not for profit and not commercial is both conditions in one.
    if plain.remove(&18) || (plain.contains(&45) && plain.contains(&46)) {
        plain.retain(|code| ![45, 46].contains(code));
        plain.insert(18);
    }
    if permission == "11" && plain.contains(&44) {
        return None;
    }
    let mut all: Vec<(u32, String)> = plain.into_iter().map(|code| (code, code.to_string())).collect();
    let valued: BTreeSet<u32> = first.valued.iter().chain(&second.valued).map(|(code, _)| *code).collect();
    for code in valued {
        let of = |parts: &Parts<'_>| {
            parts.valued.iter().find(|(own, _)| *own == code).map(|(_, value)| (*value).to_owned())
        };
        let value = match (of(&first), of(&second)) {
            (Some(one), Some(other)) => both(code, one, other)?,
            (one, other) => one.or(other)?,
        };
        all.push((code, format!("{code}={value}")));
    }
    all.sort();
    let terms: Vec<String> = [permission].into_iter().chain(all.into_iter().map(|(_, term)| term)).collect();
    Some(written(&terms.join(" ")))
}

struct Parts<'a> {
    permission: &'a str,
    plain: BTreeSet<u32>,
    valued: Vec<(u32, &'a str)>,
}

impl<'a> Parts<'a> {
    fn of(terms: &'a str) -> Self {
        let (permission, rest) = terms.split_once(' ').unwrap_or((terms, ""));
        let (mut plain, mut valued) = (BTreeSet::new(), Vec::new());
        for term in rest.split_whitespace() {
            match term.split_once('=') {
                Some((code, value)) => valued.extend(code.parse().ok().map(|code| (code, value))),
                None => plain.extend(term.parse::<u32>().ok()),
            }
        }
        Self { permission, plain, valued }
    }
}

/// Any use holds research, which holds health and ancestry apart; health holds diseases.
fn narrower(one: &str, other: &str) -> Option<String> {
    let kind = |permission: &str| permission.split('=').next().unwrap_or_default().to_owned();
    let (a, b) = (kind(one), kind(other));
    if one == other {
        return Some(one.to_owned());
    }
    if a == "7" && b == "7" {
        let mut named: Vec<&str> =
            [one, other].iter().filter_map(|term| term.split_once('=')).map(|(_, it)| it).collect();
        named.sort_unstable();
        return Some(format!("7={}", named.join("&")));
    }
    let within = |kind: &str| match kind {
        "4" => vec!["4"],
        "42" => vec!["4", "42"],
        "6" => vec!["4", "42", "6"],
        "7" => vec!["4", "42", "6", "7"],
        _ => vec!["4", "42", "11"],
    };
    if within(&a).contains(&b.as_str()) {
        Some(one.to_owned())
    } else if within(&b).contains(&a.as_str()) {
        Some(other.to_owned())
    } else {
        None
    }
}

/// Two values of one code: a place within both, the earlier end, the later silence, whoever both name.
fn both(code: u32, one: String, other: String) -> Option<String> {
    match code {
        _ if one == other => Some(one),
        22 if one == "EU" => Some(other),
        22 if other == "EU" => Some(one),
        24 => Some(one.max(other)),
        25 => Some(one.min(other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_duo_does() {
        let text = |terms: &str| Some(written(terms));
        assert_eq!(together("42", "6"), text("6"));
        assert_eq!(together("11", "6"), None);
        assert_eq!(together("42 44", "11"), None);
        assert_eq!(together("42 43", "42"), text("42"));
        assert_eq!(together("42 45", "42 46"), text("42 18"));
        assert_eq!(together("42 22=EU", "42 22=DE"), text("42 22=DE"));
        assert_eq!(together("42 22=FR", "42 22=DE"), None);
        assert_eq!(together("42 25=2031-01-01", "42 25=2030-01-01"), text("42 25=2030-01-01"));
        assert_eq!(written("7=MONDO:0000001 43"), "DUO:0000007=MONDO:0000001 DUO:0000043");
    }
}
