//! How the value of a member is read from JSON, written to JSON, and shown to the rules.
//!
//! The struct of the metadata has fields of many types. The trait [`Field`] gives all of them one interface, so that the
//! reader, the writer and the rules are loops over the table of members and not lists of a hundred names.

use std::fmt;

use serde_json::Value;

use super::algorithms::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
use super::localized::Localized;
use super::values::{
    ApplicationType, GrantType, JsonObject, ResponseType, SubjectType, TokenDeliveryMode, TokenEndpointAuthMethod,
};
use crate::protocol::json::ObjectWriter;

/// The largest `default_max_age`: 2^31 - 1 seconds, 68 years.
const MAX_SECONDS: u64 = i32::MAX as u64;

/// The error of a value with another JSON type than the standard defines for the member.
#[derive(Debug)]
pub(crate) struct WrongType {
    /// The position of the wrong element, where the member is an array.
    pub(crate) index: Option<usize>,
    /// What is expected: the detail of the violation.
    pub(crate) expected: &'static str,
}

/// One string of a member, with the language tag or the position that leads to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    /// The language tag, where the member has one.
    pub(crate) tag: Option<&'a str>,
    /// The position in an array.
    pub(crate) index: Option<usize>,
    /// The string itself.
    pub(crate) value: &'a str,
}

/// The value of one member, whatever its type.
pub(crate) trait Field: fmt::Debug {
    /// Whether the member may carry a language tag.
    fn localizable(&self) -> bool {
        false
    }
    /// Whether the member has no value.
    fn is_absent(&self) -> bool;
    /// Removes the value.
    fn clear(&mut self);
    /// Reads a value. On an error the earlier value stays. The tag is for localizable members only.
    fn put(&mut self, tag: Option<&str>, value: Value) -> Result<(), WrongType>;
    /// Changes every free text of the member. A text that is empty afterwards is removed. An element of a list stays, because
    /// its removal would change the positions that violations name.
    fn edit(&mut self, _change: &mut dyn FnMut(&mut String)) {}
    /// Shows every string of the member.
    fn texts<'a>(&'a self, show: &mut dyn FnMut(Text<'a>));
    /// Writes the member, and nothing where a single value is absent.
    fn write(&self, name: &str, object: &mut ObjectWriter);
}

/// The type of a member that has one value.
pub(crate) trait Single: Sized + fmt::Debug {
    /// What the violation of another JSON type says.
    const EXPECTED: &'static str;
    /// The value; `None` for another JSON type. There is no coercion: `"true"` is not a boolean (M6).
    fn read(value: Value) -> Option<Self>;
    /// The string that the rules see, where the type is one.
    fn token(&self) -> Option<&dyn Token> {
        None
    }
    /// The text that may be changed; `None` for an enumeration, whose values have one spelling.
    fn free_text(&mut self) -> Option<&mut String> {
        None
    }
    /// Writes the member.
    fn write(&self, name: &str, object: &mut ObjectWriter);
}

impl<T: Single> Field for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn clear(&mut self) {
        *self = None;
    }

    fn put(&mut self, _tag: Option<&str>, value: Value) -> Result<(), WrongType> {
        *self = Some(T::read(value).ok_or(WrongType { index: None, expected: T::EXPECTED })?);
        Ok(())
    }

    fn edit(&mut self, change: &mut dyn FnMut(&mut String)) {
        let Some(text) = self.as_mut().and_then(T::free_text) else { return };
        change(text);
        if text.is_empty() {
            *self = None;
        }
    }

    fn texts<'a>(&'a self, show: &mut dyn FnMut(Text<'a>)) {
        if let Some(token) = self.as_ref().and_then(T::token) {
            show(Text { tag: None, index: None, value: token.as_text() });
        }
    }

    fn write(&self, name: &str, object: &mut ObjectWriter) {
        if let Some(value) = self {
            value.write(name, object);
        }
    }
}

/// A string, or an enumeration of registered strings.
pub(crate) trait Token: fmt::Debug {
    /// The value as it appears on the wire.
    fn as_text(&self) -> &str;
    /// The text to change, where it is free.
    fn free_text(&mut self) -> Option<&mut String> {
        None
    }
}

impl Token for String {
    fn as_text(&self) -> &str {
        self
    }

    fn free_text(&mut self) -> Option<&mut String> {
        Some(self)
    }
}

macro_rules! enumerations {
    ($($name:ty),+ $(,)?) => {$(
        impl Token for $name {
            fn as_text(&self) -> &str {
                self.as_str()
            }
        }
    )+};
}

enumerations! {
    TokenEndpointAuthMethod,
    GrantType,
    ResponseType,
    ApplicationType,
    SubjectType,
    TokenDeliveryMode,
    SigningAlgorithm,
    KeyManagementAlgorithm,
    ContentEncryption,
}

impl<T: Token + From<String>> Single for T {
    const EXPECTED: &'static str = "a string is expected";

    fn read(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.into()),
            _ => None,
        }
    }

    fn token(&self) -> Option<&dyn Token> {
        Some(self)
    }

    fn free_text(&mut self) -> Option<&mut String> {
        Token::free_text(self)
    }

    fn write(&self, name: &str, object: &mut ObjectWriter) {
        object.member(name, self.as_text());
    }
}

impl Single for bool {
    const EXPECTED: &'static str = "true or false is expected";

    fn read(value: Value) -> Option<Self> {
        value.as_bool()
    }

    fn write(&self, name: &str, object: &mut ObjectWriter) {
        object.member(name, self);
    }
}

impl Single for u32 {
    const EXPECTED: &'static str = "an integer from 0 to 2147483647 is expected, without fraction or exponent";

    fn read(value: Value) -> Option<Self> {
        // 3600.0 and 36e2 are no integers here: other parsers read them as floating point numbers (M6).
        let seconds = value.as_u64().filter(|seconds| *seconds <= MAX_SECONDS)?;
        Self::try_from(seconds).ok()
    }

    fn write(&self, name: &str, object: &mut ObjectWriter) {
        object.member(name, self);
    }
}

impl Single for JsonObject {
    const EXPECTED: &'static str = "an object is expected";

    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self(object)),
            _ => None,
        }
    }

    fn write(&self, name: &str, object: &mut ObjectWriter) {
        object.member(name, &self.0);
    }
}

impl<T: Token + From<String>> Field for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn clear(&mut self) {
        *self = Self::new();
    }

    fn put(&mut self, _tag: Option<&str>, value: Value) -> Result<(), WrongType> {
        const EXPECTED: &str = "an array of strings is expected";
        // A single string is not read as a list of one, although some clients send it: M6 permits no coercion.
        let Value::Array(elements) = value else {
            return Err(WrongType { index: None, expected: EXPECTED });
        };
        let values = elements.into_iter().enumerate().map(|(index, element)| match element {
            Value::String(text) => Ok(T::from(text)),
            _ => Err(WrongType { index: Some(index), expected: EXPECTED }),
        });
        *self = values.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn edit(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.iter_mut().filter_map(Token::free_text).for_each(change);
    }

    fn texts<'a>(&'a self, show: &mut dyn FnMut(Text<'a>)) {
        for (index, value) in self.iter().enumerate() {
            show(Text { tag: None, index: Some(index), value: value.as_text() });
        }
    }

    fn write(&self, name: &str, object: &mut ObjectWriter) {
        object.list(name, self.iter().map(T::as_text));
    }
}

impl Field for Localized {
    fn localizable(&self) -> bool {
        true
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn put(&mut self, tag: Option<&str>, value: Value) -> Result<(), WrongType> {
        let Value::String(text) = value else {
            return Err(WrongType { index: None, expected: <String as Single>::EXPECTED });
        };
        match tag {
            Some(tag) => self.insert(tag, text),
            None => self.set_untagged(text),
        }
        Ok(())
    }

    fn edit(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.edit_values(change);
    }

    fn texts<'a>(&'a self, show: &mut dyn FnMut(Text<'a>)) {
        for (tag, value) in self.iter() {
            show(Text { tag, index: None, value });
        }
    }

    fn write(&self, name: &str, object: &mut ObjectWriter) {
        for (tag, value) in self.iter() {
            match tag {
                // The tag is returned as it was sent, so a client finds the member that it registered.
                Some(tag) => object.member(&format!("{name}#{tag}"), value),
                None => object.member(name, value),
            }
        }
    }
}
