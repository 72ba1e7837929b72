//! Files with secrets. Only their owner may have rights to them.

use std::io::{Error, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// The text of a file that only its owner has rights to, wiped from memory when it is dropped.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    read_private(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_private(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut file = std::fs::File::open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(Error::other("this is a folder and not a file"));
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&about) & 0o777;
        if mode & 0o077 != 0 {
            let message = format!("others than its owner have rights to this file (mode {mode:03o}), run chmod 600");
            return Err(Error::other(message));
        }
    }
    // A buffer that grows is copied, and the old copy would not be wiped.
    let capacity = usize::try_from(about.len()).unwrap_or_default().max(4096) + 1;
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    file.read_to_string(&mut text)?;
    Ok(text)
}
