//! The audit trail as lines of JSON.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use super::line_writer::LineWriter;
use super::record::Values;
use super::{AuditEvent, AuditRecord, AuditSink};
use crate::error::BoxError;
use crate::store::private_file;

/// Writes each event as one line of JSON, an [`AuditRecord`], and flushes it.
///
/// One thread, named `dcr-audit`, calls the writer, so no request blocks its executor. The thread writes all lines
/// that wait with one `write_all` and one `flush`. An event is recorded when its line is flushed. For a file that
/// means that the operating system has it: the line survives the end of the process, and a loss of power only once
/// the system has written it to the disk. Where that must not happen, let `flush` of the writer call
/// [`File::sync_data`](std::fs::File::sync_data): every request then waits for the disk, and requests at the same
/// time share one write.
///
/// At most 4096 lines wait. Beyond that, events are not recorded, and changes are answered with 503.
///
/// Dropping the sink ends the thread and waits until every line that was handed over is flushed, also the lines of
/// requests that were dropped. A registry drops its sink with its last clone.
///
/// ```
/// use tower_dcr::audit::JsonLines;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let directory = std::env::temp_dir().join(format!("tower-dcr-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let path = directory.join("audit.jsonl");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let audit = JsonLines::append(&path)?;
/// let builder = Registry::builder("https://id.example.com", Access::Open).with_audit(audit);
/// let registry = builder.build(MemoryStore::new())?;
/// assert!(registry.register(Default::default()).await.is_err());
///
/// let line = std::fs::read_to_string(&path)?;
/// assert!(line.starts_with(r#"{"version":1,"time":"20"#) && line.ends_with("}\n"), "{line}");
/// assert!(line.contains(r#""operation":"register","outcome":"refused""#), "{line}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JsonLines {
    /// An error where the operating system started no thread.
    writer: io::Result<LineWriter>,
    values: Values,
}

impl JsonLines {
    /// Writes to this writer, in a thread of its own. If the operating system starts no thread, every event fails
    /// with its error.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self { writer: LineWriter::start(writer), values: Values::Names }
    }

    /// Writes to the end of a file. Several processes may append to one file. One that is missing is created for its
    /// owner alone (mode 0600), whatever the umask; the rights of one that exists are the operator's.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or the operating system starts no thread.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        // Created with its final mode in one step. A file that is created first and restricted later could be opened
        // by another user in between.
        let file = match private_file::create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => OpenOptions::new().append(true).open(path),
            created => created,
        };
        Ok(Self { writer: Ok(LineWriter::start(file?)?), values: Values::Names })
    }

    /// Records the values of changed members too, as [`AuditRecord::with_values`] does. Default: their names only.
    #[must_use]
    pub fn with_values(mut self, max_bytes: usize) -> Self {
        self.values = Values::AtMost(max_bytes);
        self
    }
}

impl AuditSink for JsonLines {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        let writer = match &self.writer {
            Ok(writer) => writer,
            // `io::Error` cannot be cloned, so each event gets a copy of its kind and its text.
            Err(error) => return Err(io::Error::new(error.kind(), error.to_string()).into()),
        };
        let mut line = serde_json::to_vec(&AuditRecord::with(event, self.values))?;
        // In the same buffer: two writes could be torn apart by another process that appends to the file.
        line.push(b'\n');
        writer.write(line)?.await
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JsonLines").field("values", &self.values).finish_non_exhaustive()
    }
}
