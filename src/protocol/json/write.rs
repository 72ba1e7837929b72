//! Writes a JSON object member by member into one buffer.

use serde::Serialize;

/// Writes one JSON object straight into a buffer, in the order of the calls.
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    buffer: Vec<u8>,
}

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        let mut buffer = Vec::with_capacity(1024);
        buffer.push(b'{');
        Self { buffer }
    }

    pub(crate) fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        self.value(value);
    }

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

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.buffer.push(b'}');
        self.buffer
    }

    fn name(&mut self, name: &str) {
        if self.buffer.last() != Some(&b'{') {
            self.buffer.push(b',');
        }
        self.value(name);
        self.buffer.push(b':');
    }

    /// Strings, numbers and JSON values always have a JSON text and a `Vec` always takes it.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let written = serde_json::to_writer(&mut self.buffer, value);
        debug_assert!(written.is_ok(), "a value without a JSON text");
    }
}
