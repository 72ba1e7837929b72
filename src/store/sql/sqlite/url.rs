//! The file that a `sqlite:` URL names.
//!
//! There is no standard for these URLs. Two slashes begin a path as they do for `sqlx`, so `sqlite://x.db` is the file
//! `x.db` and not a host of that name. A URL that another program would read as something else is refused: a server
//! that opens another file than the operator meant starts with an empty database, and no one notices.
//!
//! Each refusal is a constant text that says how to write the URL. It never repeats the URL: a URL of another database
//! that was put here by mistake may have a password.

use std::path::PathBuf;

/// For another scheme, and for a URL without a path.
const FORMS: &str = "a SQLite URL is sqlite:clients.db or sqlite://clients.db for a file in the working directory, \
    sqlite:///var/lib/dcr/clients.db for an absolute path";
/// Such a database would lose its clients with the connection, while the store claims to be durable.
const MEMORY: &str = "the URL names a database in memory, which ends with its connection; use the memory store instead";
/// `sqlite://db.example.com:5432/x.db` would otherwise name a file below the working directory.
const HOST: &str = "the URL looks as if it named a host, but SQLite is a file: write sqlite:NAME for a relative path, \
    sqlite:///NAME for an absolute one";
/// The driver knows more parameters, some of which make a database less durable.
const PARAMETERS: &str = "the URL has parameters, of which mode=rwc and mode=rw alone are understood; a ? in the name of \
    a file is written %3F";
const FRAGMENT: &str = "the URL has a fragment; a # in the name of a file is written %23";
/// The name `100%.db`, or bytes that are no UTF-8.
const ESCAPE: &str = "the URL has a % that begins no escape of UTF-8 text; a % in the name of a file is written %25";
/// A zero byte ends a name for the operating system; a line break is a mistake of copying.
const CONTROL: &str = "the URL names a file with a control character";
const SPACE: &str = "the URL names a file that begins or ends with a space; if that is meant, pass the path itself";
/// Taken literally it is a folder with the name `~` in the working directory.
const HOME: &str = "the URL begins with ~, which only a shell replaces; write the path of the directory";
const DIRECTORY: &str = "the URL names a directory; add the name of the file";

/// What a URL names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// The path without escapes, relative to the working directory or absolute.
    pub(super) path: PathBuf,
    /// Whether the file may be missing: `mode=rwc` and the default, not `mode=rw`.
    pub(super) create: bool,
}

/// The file of a URL, or how to write it.
///
/// # Errors
///
/// The first reason for which the URL may mean something else to another program.
pub(super) fn location(url: &str) -> Result<Location, &'static str> {
    let scheme = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("sqlite:")).ok_or(FORMS)?;
    let rest = &url[scheme.len()..];
    // Before the escapes are decoded, so that `%23` in a name is no fragment.
    if rest.contains('#') {
        return Err(FRAGMENT);
    }
    let (name, parameters) = rest.split_once('?').unwrap_or((rest, "mode=rwc"));
    let name = decoded(name).ok_or(ESCAPE)?;
    if is_memory(&name, parameters) {
        return Err(MEMORY);
    }
    let create = match parameters {
        "mode=rwc" => true,
        "mode=rw" => false,
        _ => return Err(PARAMETERS),
    };
    let path = match name.strip_prefix("//") {
        Some(path) if path.starts_with('/') => format!("/{}", path.trim_start_matches('/')),
        Some(path) if names_a_host(path) => return Err(HOST),
        Some(path) => path.to_owned(),
        None => name,
    };
    check(&path)?;
    Ok(Location { path: path.into(), create })
}

/// A database that ends with its connection, in one of the many ways of writing that.
fn is_memory(name: &str, parameters: &str) -> bool {
    let path = name.trim_start_matches('/');
    path == ":memory:" || path.starts_with("file:") || parameters.split('&').any(|one| one == "mode=memory")
}

/// `user@host`, `host:port` and `localhost` before the first slash.
/// Only for URLs with two slashes, where a reader expects a host.
fn names_a_host(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    first.contains(['@', ':']) || first.eq_ignore_ascii_case("localhost")
}

/// Refuses paths that name no file, or that only look like the file that is meant.
fn check(path: &str) -> Result<(), &'static str> {
    match path.rsplit('/').next().unwrap_or_default() {
        _ if path.is_empty() => Err(FORMS),
        "" | "." | ".." => Err(DIRECTORY),
        _ if path.starts_with('~') => Err(HOME),
        _ if path.contains(char::is_control) => Err(CONTROL),
        _ if path.trim() != path => Err(SPACE),
        _ => Ok(()),
    }
}

/// The text without its escapes ([RFC 3986 §2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1)).
///
/// `None` where `%` is not followed by two hexadecimal digits, or the octets are no UTF-8. `+` stays: only forms in
/// HTML use it for a space.
fn decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'%' => {
                let mut digit = || char::from(octets.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            octet => octet,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_file_that_its_writer_means() {
        for (url, expected) in [
            ("sqlite:x.db", "x.db"),
            ("sqlite://x.db", "x.db"),
            ("SQLite://x.db", "x.db"),
            ("sqlite:./x.db", "./x.db"),
            ("sqlite://./x.db", "./x.db"),
            ("sqlite:../data/x.db", "../data/x.db"),
            ("sqlite:data/x.db", "data/x.db"),
            ("sqlite://data/x.db", "data/x.db"),
            ("sqlite:/abs/x.db", "/abs/x.db"),
            ("sqlite:///abs/x.db", "/abs/x.db"),
            ("sqlite:////abs/x.db", "/abs/x.db"),
            ("sqlite://x.db?mode=rwc", "x.db"),
            ("sqlite:my clients.db", "my clients.db"),
            ("sqlite://my%20clients.db", "my clients.db"),
            ("sqlite:///abs/100%25%3F%23.db", "/abs/100%?#.db"),
            ("sqlite:k%C3%A4se.db", "käse.db"),
            ("sqlite:käse.db", "käse.db"),
            ("sqlite:a:b@c.db", "a:b@c.db"),
            ("sqlite:localhost/x.db", "localhost/x.db"),
            ("sqlite:x", "x"),
        ] {
            assert_eq!(location(url), Ok(Location { path: expected.into(), create: true }), "{url}");
        }
    }

    #[test]
    fn a_url_may_demand_that_its_file_is_there() {
        assert_eq!(location("sqlite://x.db?mode=rw"), Ok(Location { path: "x.db".into(), create: false }));
    }

    #[test]
    fn a_url_that_may_mean_something_else_is_refused_with_the_way_out() {
        for (url, expected) in [
            ("", FORMS),
            ("x.db", FORMS),
            ("sqlite", FORMS),
            ("sqlite:", FORMS),
            ("sqlite://", FORMS),
            ("sqlite3:x.db", FORMS),
            ("sqlité:x.db", FORMS),
            ("sqlite::memory:", MEMORY),
            ("sqlite://:memory:", MEMORY),
            ("sqlite:///:memory:", MEMORY),
            ("sqlite:file::memory:?cache=shared", MEMORY),
            ("sqlite:file:x.db", MEMORY),
            ("sqlite:x.db?mode=memory&cache=shared", MEMORY),
            ("sqlite://localhost/x.db", HOST),
            ("sqlite://LOCALHOST/x.db", HOST),
            ("sqlite://me:secret@db.example.com/x.db", HOST),
            ("sqlite://db.example.com:5432/x.db", HOST),
            ("sqlite://x.db?mode=ro", PARAMETERS),
            ("sqlite://x.db?mode=rw&mode=rwc", PARAMETERS),
            ("sqlite://x.db?", PARAMETERS),
            ("sqlite:what?.db", PARAMETERS),
            ("sqlite:x.db?mode=rwc&cache=shared", PARAMETERS),
            ("sqlite:x#1.db", FRAGMENT),
            ("sqlite:100%.db", ESCAPE),
            ("sqlite:100%zz.db", ESCAPE),
            ("sqlite:%ff.db", ESCAPE),
            ("sqlite:x%00.db", CONTROL),
            ("sqlite:x\n.db", CONTROL),
            ("sqlite: x.db", SPACE),
            ("sqlite:x.db%20", SPACE),
            ("sqlite:~/x.db", HOME),
            ("sqlite://~/x.db", HOME),
            ("sqlite:/", DIRECTORY),
            ("sqlite:///", DIRECTORY),
            ("sqlite:data/", DIRECTORY),
            ("sqlite:.", DIRECTORY),
            ("sqlite:data/..", DIRECTORY),
        ] {
            assert_eq!(location(url), Err(expected), "{url}");
            assert!(!expected.contains("secret"), "{url}");
        }
    }
}
