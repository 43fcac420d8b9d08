//! Dates of birth, and the ages that follow from them.

use std::fmt;

/// Ages from here on are told as one: 45 CFR 164.514(b)(2)(i)(C) has all over 89 in one class.
const OLD: u16 = 90;
/// How it is written.
const OLDEST: &str = "90+";

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let last = match month {
            4 | 6 | 9 | 11 => 30,
            2 if year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100)) => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        ((1850..=9999).contains(&year) && (1..=last).contains(&day)).then_some(Self { year, month, day })
    }

    /// A day as sheets write it: `1931-05-03`, `19310503`, `03.05.1931`, or with strokes where day and month cannot be
    /// mistaken for each other. A time behind it does not count.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.split_once(['T', ' ']).map_or(text, |(day, _)| day);
        if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Self::of(text.get(..4)?, text.get(4..6)?, text.get(6..)?);
        }
        let mark = ['-', '.', '/'].into_iter().find(|mark| text.contains(*mark))?;
        let mut parts = text.split(mark);
        let (one, two, three) = (parts.next()?, parts.next()?, parts.next()?);
        match (mark, one.len() == 4) {
            _ if parts.next().is_some() => None,
            (_, true) => Self::of(one, two, three),
            ('.', false) => Self::of(three, two, one),
            _ => match (Self::of(three, two, one), Self::of(three, one, two)) {
                (Some(day), Some(other)) if day != other => None,
                (day, other) => day.or(other),
            },
        }
    }

    fn of(year: &str, month: &str, day: &str) -> Option<Self> {
        let digits = |text: &str, most: usize| {
            let right = !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
            if right { text.parse::<u16>().ok() } else { None }
        };
        let small = |text| digits(text, 2).and_then(|number| u8::try_from(number).ok());
        let year = digits(year, 4).filter(|_| year.len() == 4)?;
        Self::new(year, small(month)?, small(day)?)
    }

    /// Whole years from this day to `at`, as they are told; none when `at` is earlier, or nobody is so old.
    pub(super) fn age(self, at: Self) -> Option<String> {
        let not_yet = (at.month, at.day) < (self.month, self.day);
        let years = at.year.checked_sub(self.year)?.checked_sub(u16::from(not_yet))?;
        (years <= 130).then(|| told(years))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn told(years: u16) -> String {
    if years >= OLD { OLDEST.to_owned() } else { years.to_string() }
}

/// An age of the sheet's own, as it is told; none when it is no whole number of years.
pub(super) fn own(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text == OLDEST {
        return Some(text.to_owned());
    }
    let right = text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    if right { text.parse().ok().map(told) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_where_they_cannot_be_mistaken() {
        for text in [
            "1931-05-13",
            "19310513",
            "13.05.1931",
            "13.5.1931",
            "13/05/1931",
            "05/13/1931",
            "1931-05-13T10:00",
        ] {
            assert_eq!(Day::read(text).map(|day| day.to_string()).as_deref(), Some("1931-05-13"), "{text}");
        }
        assert_eq!(Day::read("05/05/1931").map(|day| day.to_string()).as_deref(), Some("1931-05-05"));
        for text in [
            "",
            "1931",
            "03/05/1931",
            "1931-02-29",
            "31-05-13",
            "1931-13-13",
            "1931-5-13-1",
            "x",
            "13 May 1931",
        ] {
            assert_eq!(Day::read(text), None, "{text}");
        }
    }

    #[test]
    fn nobody_is_told_to_be_older_than_ninety() {
        let day = |text| Day::read(text).unwrap();
        for (born, expected) in [
            ("1990-06-15", Some("36")),
            ("1990-06-16", Some("35")),
            ("1937-06-16", Some("88")),
            ("1937-06-15", Some("89")),
            ("1936-06-15", Some("90+")),
            ("1910-01-01", Some("90+")),
            ("2026-06-15", Some("0")),
            ("2026-06-16", None),
            ("1880-01-01", None),
        ] {
            assert_eq!(day(born).age(day("2026-06-15")).as_deref(), expected, "{born}");
        }
        for (text, expected) in
            [("7", Some("7")), ("89", Some("89")), ("90", Some("90+")), ("104", Some("90+")), ("", Some(""))]
        {
            assert_eq!(own(text).as_deref(), expected, "{text}");
        }
        assert_eq!((own("91.5"), own("ninety"), own("-1")), (None, None, None));
    }
}
