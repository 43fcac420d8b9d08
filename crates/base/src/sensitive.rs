//! Values that must not print themselves.

use std::fmt;

/// Holds a value that identifies a person or is otherwise not for logs. It prints as
/// `[redacted]`; only [`Sensitive::reveal`] gives the value, so that each use can be found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Call it where the value is stored sealed or shown to someone with the
    /// right to see it, and nowhere else.
    pub fn reveal(&self) -> &T {
        &self.0
    }

    /// The value itself, unwrapped.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_nothing() {
        let value = Sensitive::new("CASE-0001".to_owned());
        assert_eq!(format!("{value} {value:?} {:?}", Some(&value)), "[redacted] [redacted] Some([redacted])");
        assert_eq!(value.reveal(), "CASE-0001");
    }
}
