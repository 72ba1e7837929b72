//! Writes a JSON object member by member into one buffer.
//!
//! A reply has up to a hundred members. Building a tree of values first would allocate for each of them; this writer
//! allocates once.

use serde::Serialize;

/// Writes one JSON object straight into a buffer, in the order of the calls.
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    buffer: Vec<u8>,
}

impl ObjectWriter {
    /// An empty object.
    pub(crate) fn new() -> Self {
        // Most replies fit, so the buffer does not grow.
        let mut buffer = Vec::with_capacity(1024);
        buffer.push(b'{');
        Self { buffer }
    }

    /// A member with any value that serde can write.
    pub(crate) fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        self.value(value);
    }

    /// A member that is an array of strings.
    pub(crate) fn list<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) {
        self.name(name);
        self.buffer.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.buffer.push(b',');
            }
            self.value(value);
        }
        self.buffer.push(b']');
    }

    /// A member that is an object itself.
    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.buffer.push(b'{');
        write(self);
        self.buffer.push(b'}');
    }

    /// Ends the object and returns its text, which is UTF-8.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.buffer.push(b'}');
        self.buffer
    }

    /// The name of a member, after a comma unless it is the first one.
    fn name(&mut self, name: &str) {
        if self.buffer.last() != Some(&b'{') {
            self.buffer.push(b',');
        }
        self.value(name);
        self.buffer.push(b':');
    }

    /// Writes a value. It cannot fail: strings, numbers and JSON values always have a JSON text, and a write to a `Vec` has
    /// no error.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let written = serde_json::to_writer(&mut self.buffer, value);
        debug_assert!(written.is_ok(), "a value without a JSON text");
    }
}
