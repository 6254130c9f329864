//! A field's value before anybody asked for its type.

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What a field holds; a field that a request does not use may hold anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// Left out, or null.
    #[default]
    Missing,
    Text(Cow<'a, str>),
    /// A number written without fraction and exponent that fits.
    Integer(i64),
    Flag(bool),
    /// Any other number, an array or an object.
    Other,
}

impl<'a> Field<'a> {
    pub(super) fn is_missing(&self) -> bool {
        *self == Self::Missing
    }

    pub(super) fn integer(&self, name: &str) -> Result<i64, String> {
        match self {
            Self::Integer(value) => Ok(*value),
            _ => Err(format!("{name} must be an integer")),
        }
    }

    pub(super) fn optional_integer(&self, name: &str) -> Result<Option<i64>, String> {
        if self.is_missing() { Ok(None) } else { self.integer(name).map(Some) }
    }

    pub(super) fn text(self, name: &str) -> Result<Cow<'a, str>, String> {
        match self {
            Self::Text(value) => Ok(value),
            _ => Err(format!("{name} must be a string")),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        match self {
            Self::Missing => Ok(false),
            Self::Flag(value) => Ok(*value),
            _ => Err(format!("{name} must be true or false")),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Field::Flag(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Field::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Field::Other, Field::Integer))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field::Other)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }
}
