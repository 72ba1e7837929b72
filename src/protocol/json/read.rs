//! The strict JSON reader: one object, read once, without anything that is ambiguous.
//!
//! [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259) leaves several things to the parser: what two members of one
//! name mean, how deep a text may nest, what becomes of a number beyond double precision. If the
//! parser that validates decides differently from the parser that reads the stored text, a client can register what was
//! never checked. Every ambiguous text is therefore refused here.
//!
//! Limits: 16 nested containers and 256 members. The limit of the size belongs to the body and is checked before.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use crate::error::Violation;

/// A JSON object. Names are unique, because [`read`] refuses repeated ones.
pub(crate) type Object = serde_json::Map<String, Value>;

/// The rule that every fault of this module breaks.
const RULE: &str = "M1";
/// The largest depth of containers; the document itself has depth 1. A recursive reader needs a limit of its stack.
const MAX_NESTED: usize = 16;
/// The largest number of members of the document itself.
const MAX_MEMBERS: usize = 256;

/// How `serde_json` hands over a number when its feature `arbitrary_precision` is on, which any crate in the build
/// can cause.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";
/// Whether it is on. Only then does a number have digits beyond double precision; off, the token is a name like any
/// other.
static ARBITRARY_PRECISION: LazyLock<bool> = LazyLock::new(|| serde_json::from_str::<Number>("1e400").is_ok());

/// Reads one JSON object; white space may follow it, nothing else.
///
/// # Errors
///
/// A violation of M1 with line and column. It never repeats the text.
pub(crate) fn read(body: &[u8]) -> Result<Object, Violation> {
    match read_value(body)? {
        Value::Object(object) => Ok(object),
        _ => Err(refuse("the body is JSON but not an object")),
    }
}

/// Reads one JSON value; white space may follow it, nothing else.
pub(crate) fn read_value(body: &[u8]) -> Result<Value, Violation> {
    let text = std::str::from_utf8(body).map_err(|_| refuse("the body is not valid UTF-8"))?;
    // RFC 8259 §8.1 lets a parser ignore the mark. Not all do, so two readers could disagree.
    if text.starts_with('\u{feff}') {
        return Err(refuse("the body starts with a byte order mark"));
    }
    // serde_json can carry a message but no type through its errors, so the fault is kept beside it.
    let fault = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Strict { depth: 0, fault: &fault }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| locate(fault.get(), &error))
}

/// A violation of M1 for the document as a whole.
fn refuse(detail: &'static str) -> Violation {
    Violation::document(RULE, detail)
}

/// A violation with the place of the fault. Line and column are no content of the document.
fn locate(fault: Option<&'static str>, error: &serde_json::Error) -> Violation {
    let fault = fault.unwrap_or("the body is not one valid JSON text (RFC 8259)");
    let (line, column) = (error.line(), error.column());
    Violation::document(RULE, format!("{fault}, at line {line} column {column}"))
}

/// Builds a [`Value`], refusing what another parser could read differently.
struct Strict<'a> {
    depth: usize,
    fault: &'a Cell<Option<&'static str>>,
}

impl Strict<'_> {
    /// Remembers the fault for [`locate`] and returns an error that stops serde.
    fn fail<E: serde::de::Error>(&self, detail: &'static str) -> E {
        self.fault.set(Some(detail));
        E::custom(detail)
    }

    /// The reader of the values inside the container that begins here, one level deeper.
    fn nested<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == MAX_NESTED {
            return Err(self.fail("more than 16 arrays and objects inside one another"));
        }
        Ok(Self { depth: self.depth + 1, fault: self.fault })
    }

    /// A reader of the same depth, for the next value of the same container.
    fn sibling(&self) -> Self {
        Self { depth: self.depth, fault: self.fault }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| self.fail("a number outside the double range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inside = self.nested()?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(inside.sibling())? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        // With arbitrary_precision a number arrives as a map with one private name, and only then.
        let mut name = members.next_key::<String>()?;
        if *ARBITRARY_PRECISION && name.as_deref() == Some(NUMBER_TOKEN) {
            return self.number(&members.next_value::<String>()?);
        }
        let inside = self.nested()?;
        while let Some(key) = name {
            let value = members.next_value_seed(inside.sibling())?;
            if object.insert(key, value).is_some() {
                return Err(self.fail("two members of one object have the same name"));
            }
            // Checked while reading, so that a document of a million names does not fill the memory first.
            if self.depth == 0 && object.len() > MAX_MEMBERS {
                return Err(self.fail("more than 256 members"));
            }
            name = members.next_key()?;
        }
        Ok(Value::Object(object))
    }
}

impl Strict<'_> {
    /// Reads the digits of a number and refuses one beyond double precision, which other parsers read as infinity.
    fn number<E: serde::de::Error>(&self, digits: &str) -> Result<Value, E> {
        let number: Number = serde_json::from_str(digits).map_err(E::custom)?;
        match number.as_f64() {
            Some(double) if double.is_finite() => Ok(Value::Number(number)),
            _ => Err(self.fail("a number outside the double range")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_another_parser_could_read_differently_is_refused() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(16), "]".repeat(16));
        let many: Vec<String> = (0..257).map(|n| format!("\"m{n}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        let cases: &[(&str, &[u8])] = &[
            ("empty", b""),
            ("white space", b" \n"),
            ("array", b"[]"),
            ("number", b"1"),
            ("null", b"null"),
            ("byte order mark", b"\xef\xbb\xbf{}"),
            ("UTF-16", b"{\0}\0"),
            ("invalid UTF-8", b"{\"a\":\"b\xff\"}"),
            ("trailing comma", b"{\"a\":1,}"),
            ("trailing text", b"{} x"),
            ("second document", b"{}{}"),
            ("same name twice", b"{\"a\":1,\"a\":2}"),
            ("same name twice after decoding", b"{\"ab\":1,\"a\\u0062\":2}"),
            ("same name twice inside", b"{\"x\":[{\"a\":1,\"a\":1}]}"),
            ("lone surrogate", b"{\"a\":\"\\ud800\"}"),
            ("lone surrogate in a name", b"{\"\\udc00\":1}"),
            ("number beyond double", b"{\"a\":1e400}"),
            ("NaN", b"{\"a\":NaN}"),
            ("comment", b"{/**/}"),
            ("17 containers", deep.as_bytes()),
            ("257 members", many.as_bytes()),
        ];
        for (name, body) in cases {
            assert!(read(body).is_err(), "{name}");
        }
    }

    #[test]
    fn a_text_that_every_parser_reads_alike_is_read() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(15), "]".repeat(15));
        let cases: &[(&str, &str)] = &[
            ("empty object", "{}"),
            ("white space around", " \r\n\t{ } \n"),
            ("big integer", r#"{"n":123456789012345678901234567890}"#),
            ("underflow", r#"{"n":1e-400}"#),
            ("surrogate pair", r#"{"n":"\ud83d\ude00"}"#),
            ("16 containers", &deep),
            ("same name in two objects", r#"{"a":{"b":1},"c":{"b":1}}"#),
        ];
        for (name, body) in cases {
            assert!(read(body.as_bytes()).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_number_reads_the_same_when_another_crate_asks_for_arbitrary_precision() {
        let fault = Cell::new(None);
        let number = |digits| Strict { depth: 0, fault: &fault }.number::<serde_json::Error>(digits);
        assert_eq!(number("3600").unwrap().as_u64(), Some(3600));
        assert!(number("1e400").is_err());
    }

    #[test]
    fn an_object_is_no_number_whatever_its_member_is_called() {
        for value in [r#"{"$serde_json::private::Number":"5"}"#, r#"{"$serde_json::private::Number":[5],"a":1}"#] {
            let object = read(format!(r#"{{"n":{value}}}"#).as_bytes()).unwrap();
            assert_eq!(object["n"].to_string(), value);
        }
    }

    #[test]
    fn the_place_of_a_fault_is_named() {
        let violation = read(b"{\n\"a\":1,}").unwrap_err();
        assert!(violation.detail().ends_with("at line 2 column 7"), "{}", violation.detail());
    }
}
