//! Days of the calendar.

use std::fmt;

/// A day, written `2027-01-01`, from the year 1900 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// This day, if there is such a one.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let real = (1900..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=last_of(year, month)).contains(&day);
        real.then_some(Self { year, month, day })
    }

    /// The day that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str, count: usize| {
            (text.len() == count && text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse::<u16>().ok())?
        };
        let (year, rest) = text.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        let small = |text| digits(text, 2).and_then(|number| u8::try_from(number).ok());
        Self::new(digits(year, 4)?, small(month)?, small(day)?)
    }

    /// So many months later, on the same day of the month or on the last one of a shorter month. Beyond the
    /// year 9999 there is no such day.
    pub(super) fn after_months(self, months: u16) -> Option<Self> {
        let count = u32::from(self.year) * 12 + u32::from(self.month) - 1 + u32::from(months);
        let (year, month) = (u16::try_from(count / 12).ok()?, u8::try_from(count % 12 + 1).ok()?);
        Self::new(year, month, self.day.min(last_of(year, month)))
    }
}

fn last_of(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn only_days_of_the_calendar_are_days() {
        for text in ["2027-01-01", "2028-02-29", "2000-02-29", "9999-12-31"] {
            assert_eq!(day(text).to_string(), text);
        }
        let wrong = [
            "2027-02-29",
            "2100-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-04-31",
            "2027-1-1",
            "27-01-01",
            "2027-01-01T00",
            "2027-01",
            "+027-01-01",
            "1899-12-31",
            "２０２７-01-01",
            "",
        ];
        for text in wrong {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_ends_no_later_than_its_last_day() {
        for (from, months, to) in [
            ("2026-12-31", 2, "2027-02-28"),
            ("2027-12-31", 2, "2028-02-29"),
            ("2026-11-22", 1, "2026-12-22"),
            ("2026-12-01", 1, "2027-01-01"),
            ("2026-01-31", 1200, "2126-01-31"),
        ] {
            assert_eq!(day(from).after_months(months), Some(day(to)), "{from} and {months}");
        }
        assert_eq!(day("9999-12-01").after_months(1), None);
    }
}
