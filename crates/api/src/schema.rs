//! Schemas of the words that `base` defines. Each stands for a type in `#[schemars(with = …)]`: `base` itself knows
//! no schema.

use base::{Class, Id, Kind, Role};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::marker::PhantomData;

/// An id of this kind.
pub(crate) struct Of<T>(PhantomData<T>);

impl<T: Id> JsonSchema for Of<T> {
    fn schema_name() -> Cow<'static, str> {
        Cow::Owned(format!("id {}", T::PREFIX))
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = format!("^{}_[0-9a-hjkmnp-tv-z]{{20}}$", T::PREFIX);
        json_schema!({"type": "string", "pattern": pattern})
    }
}

/// So many hexadecimal digits: a digest.
pub(crate) struct Hex<const DIGITS: usize>;

impl<const DIGITS: usize> JsonSchema for Hex<DIGITS> {
    fn schema_name() -> Cow<'static, str> {
        Cow::Owned(format!("hex {DIGITS}"))
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": format!("^[0-9a-f]{{{DIGITS}}}$")})
    }
}

/// A moment in RFC 3339.
pub(crate) struct Moment;

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("moment")
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// One word of a closed list.
pub(crate) struct Word<T>(PhantomData<T>);

/// The list.
pub(crate) trait Words: 'static {
    fn all() -> Vec<&'static str>;
}

impl Words for Role {
    fn all() -> Vec<&'static str> {
        Self::ALL.iter().map(|word| word.as_str()).collect()
    }
}

impl Words for Class {
    fn all() -> Vec<&'static str> {
        Self::ALL.iter().map(|word| word.as_str()).collect()
    }
}

impl Words for Kind {
    fn all() -> Vec<&'static str> {
        vec!["not-found", "denied", "conflict", "invalid", "unavailable", "integrity", "internal"]
    }
}

impl<T: Words> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        Cow::Owned(format!("word {}", T::all().join(" ")))
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": T::all()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_those_of_base() {
        let kinds: Vec<Kind> =
            Kind::all().iter().map(|word| serde_json::from_value((*word).into()).unwrap()).collect();
        let codes: std::collections::BTreeSet<u8> = kinds.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes.into_iter().collect::<Vec<_>>(), (2..=8).collect::<Vec<_>>());
    }
}
