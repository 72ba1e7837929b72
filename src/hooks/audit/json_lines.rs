//! The audit trail as lines of JSON.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::record::Values;
use super::{AuditEvent, AuditRecord, AuditSink};
use crate::error::BoxError;
use crate::store::private_file;

/// Writes each event as one line of JSON, an [`AuditRecord`], and flushes it.
///
/// An event counts as recorded when the writer has taken and flushed it. For a file that means the operating system has
/// it: it survives the end of the process, and a loss of power only once the system has written it to the disk. Where
/// that must not happen, let `flush` of the writer call [`File::sync_data`], at the price of a disk write for every
/// request. A writer that may be slow belongs behind an `AuditChannel`.
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
/// let registry = Registry::builder("https://id.example.com", Access::Open).with_audit(audit).build(MemoryStore::new())?;
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
pub struct JsonLines<W> {
    output: Mutex<Output<W>>,
    values: Values,
}

struct Output<W> {
    writer: W,
    /// A line may have been written in part.
    torn: bool,
}

impl<W: Write + Send + 'static> JsonLines<W> {
    /// Writes to this writer.
    pub fn new(writer: W) -> Self {
        Self { output: Mutex::new(Output { writer, torn: false }), values: Values::Names }
    }

    /// Tells the values of changed members too, as [`AuditRecord::with_values`] does. Default: their names only.
    #[must_use]
    pub fn with_values(mut self, max_bytes: usize) -> Self {
        self.values = Values::AtMost(max_bytes);
        self
    }
}

impl JsonLines<File> {
    /// Writes to the end of a file. Several processes may append to one file. One that is missing is created for its
    /// owner alone (mode 0600), whatever the umask; the rights of one that is there are the operator's.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        match private_file::create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => OpenOptions::new().append(true).open(path),
            created => created,
        }
        .map(Self::new)
    }
}

impl<W: Write> Output<W> {
    /// A line after one that may be torn begins on a line of its own, so that a reader loses only the torn one.
    fn write(&mut self, record: &AuditRecord) -> io::Result<()> {
        let mut line = if self.torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, record)?;
        line.push(b'\n');
        self.torn = true;
        self.writer.write_all(&line)?;
        self.writer.flush()?;
        self.torn = false;
        Ok(())
    }
}

impl<W: Write + Send + 'static> AuditSink for JsonLines<W> {
    fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        let record = AuditRecord::with(event, self.values);
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(output.write(&record)?)
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JsonLines").field("values", &self.values).finish_non_exhaustive()
    }
}
