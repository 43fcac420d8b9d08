//! Check digits: what tells an identification number from any other number.

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(d, w)| d * w).sum()
}

/// The check of payment cards and several national numbers (ISO/IEC 7812-1, annex B).
pub(crate) fn luhn(text: &str) -> bool {
    let sum: u32 = digits(text)
        .iter()
        .rev()
        .enumerate()
        .map(|(at, d)| match at % 2 {
            0 => *d,
            _ if d * 2 > 9 => d * 2 - 9,
            _ => d * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// An NHS number of England: ten digits, modulus 11.
pub(crate) fn nhs(text: &str) -> bool {
    let d = digits(text);
    let Some((check, body)) = d.split_last() else { return false };
    let rest = 11 - weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    d.len() == 10 && rest != 10 && rest % 11 == *check
}

/// A PESEL number of Poland: eleven digits that start with a date.
pub(crate) fn pesel(text: &str) -> bool {
    let d = digits(text);
    d.len() == 11 && weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10) && {
        let (month, day) = (d.get(2..4).map(pair), d.get(4..6).map(pair));
        month.is_some_and(|m| (1..=12).contains(&(m % 20))) && day.is_some_and(|d| (1..=31).contains(&d))
    }
}

/// A NIR number of France: thirteen digits and a key of two, modulus 97.
pub(crate) fn nir(text: &str) -> bool {
    let d = digits(text);
    let number = |part: &[u32]| part.iter().fold(0u64, |n, d| n * 10 + u64::from(*d));
    match d.split_at_checked(13) {
        Some((body, key)) if key.len() == 2 => 97 - number(body) % 97 == number(key),
        _ => false,
    }
}

/// A DNI number of Spain: eight digits and a letter.
pub(crate) fn dni(text: &str) -> bool {
    let number = digits(text).iter().fold(0usize, |n, d| n * 10 + *d as usize);
    let letter = "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth(number % 23);
    text.chars().next_back() == letter
}

/// An insured person's number of Germany: a letter and nine digits, the last a check.
pub(crate) fn kvnr(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(letter) = chars.next().filter(char::is_ascii_uppercase) else { return false };
    let place = letter as u32 - 'A' as u32 + 1;
    let mut d = vec![place / 10, place % 10];
    d.extend(digits(chars.as_str()));
    let Some((check, body)) = d.split_last() else { return false };
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(at, d)| d * (1 + at as u32 % 2))
        .map(|product| product / 10 + product % 10)
        .sum();
    d.len() == 11 && sum % 10 == *check
}

/// An international bank account number (ISO 13616), modulus 97.
pub(crate) fn iban(text: &str) -> bool {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let Some((head, body)) = plain.split_at_checked(4) else { return false };
    let rest = body
        .chars()
        .chain(head.chars())
        .filter_map(|c| c.to_digit(36))
        .fold(0u64, |n, d| (if d > 9 { n * 100 } else { n * 10 } + u64::from(d)) % 97);
    (15..=34).contains(&plain.len()) && rest == 1
}

fn pair(two: &[u32]) -> u32 {
    two.iter().fold(0, |n, d| n * 10 + d)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each published example passes, and fails once any one digit is raised by one.
    fn check(good: &str, test: fn(&str) -> bool) {
        assert!(test(good), "{good}");
        for (at, c) in good.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
            let mut bad = good.to_owned();
            let other = char::from_digit((c.to_digit(10).unwrap() + 1) % 10, 10).unwrap();
            bad.replace_range(at..=at, &other.to_string());
            assert!(!test(&bad), "{bad}");
        }
    }

    #[test]
    fn examples_of_the_standards() {
        check("4111 1111 1111 1111", luhn);
        check("943 476 5919", nhs);
        check("44051401359", pesel);
        check("255081416802538", nir);
        check("12345678Z", dni);
        check("A123456780", kvnr);
        check("GB29 NWBK 6016 1331 9268 19", iban);
    }
}
