//! What a PostgreSQL URL says, and what it must say about TLS.
//!
//! `sslmode` has a default, `prefer`, that uses plain text if the server, or an attacker in between, says so. For
//! another machine the operator must therefore choose; for a socket and for loopback the default is accepted.
//! Parameters that the driver would ignore are errors, because `sslmod=require` would be plain text. No error shows
//! the password.
//!
//! What is accepted goes to the driver unchanged, apart from two corrections: an IPv6 address loses its brackets, and
//! certificates that are named are verified also with `sslmode=require`, as libpq does it.

use std::fs::File;
use std::net::IpAddr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::error::{BoxError, StoreError};
use crate::store::unreachable::unreachable;

/// The parameters that are understood. The driver ignores others, so `sslmod=require` would send plain text.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
/// The parameters that name files.
const FILES: [&str; 7] = ["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];
const SCHEME: &str =
    "a PostgreSQL URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with postgres:// or postgresql://";
const TWICE: &str = "the URL has a parameter twice, under one name or two; the driver would use the last one";
const FRAGMENT: &str = "the URL has a fragment; a # in a name or a password is written %23";
/// libpq tries hosts in turn; the driver would take the list as the name of one host.
const SEVERAL_HOSTS: &str = "the URL names several hosts; name one, or a proxy before them";
/// An attacker between two machines can answer that the server has no TLS, and `prefer` would then send the password.
const PLAIN_TEXT: &str = "the URL leaves open whether the connection to another machine is encrypted, so it could be \
    plain text unnoticed: add sslmode=verify-full (TLS, certificate and name are verified), sslmode=require (TLS, \
    nobody is verified) or sslmode=disable (plain text)";

/// Reads a URL. Its password is in no error.
///
/// # Errors
///
/// When the URL is no PostgreSQL URL, has a parameter that is unknown or occurs twice, a fragment or several hosts, or
/// leaves plain text to another machine open. An unknown parameter is named by its position, because a `?` in a
/// password makes the rest of the password look like a parameter.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let refused = |reason: &str| Err(StoreError::unavailable(reason.to_owned()));
    let Some((scheme, rest)) = url.split_once("://") else { return refused(SCHEME) };
    if !["postgres", "postgresql"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return refused(SCHEME);
    }
    if rest.contains('#') {
        return refused(FRAGMENT);
    }
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let names = || query.split('&').filter(|one| !one.is_empty()).map(|one| one.split('=').next().unwrap_or_default());
    if let Some(unknown) = names().position(|name| !is_parameter(name)) {
        let known = PARAMETERS.join(", ");
        return refused(&format!(
            "parameter {} of the URL is not known, it can be {known}, options[NAME]",
            unknown + 1
        ));
    }
    // `sslmode` and `ssl-mode` are one parameter.
    let mut given: Vec<_> = names().map(|name| name.replace('-', "")).collect();
    given.sort_unstable();
    if given.windows(2).any(|pair| pair[0] == pair[1]) {
        return refused(TWICE);
    }
    let mut options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| StoreError::unavailable(error))?;
    let address = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')).map(str::to_owned);
    if let Some(address) = address {
        options = options.host(&address);
    }
    if options.get_host().contains(',') {
        return refused(SEVERAL_HOSTS);
    }
    // The driver would take the certificates that it is given here for no reason to look at any; libpq does.
    let has_roots = names().any(|name| matches!(name, "sslrootcert" | "ssl-root-cert" | "ssl-ca"));
    match options.get_ssl_mode() {
        PgSslMode::Require if has_roots => Ok(options.ssl_mode(PgSslMode::VerifyCa)),
        PgSslMode::Prefer | PgSslMode::Allow if !is_local(&options) => refused(PLAIN_TEXT),
        _ => Ok(options),
    }
}

/// Looks at the files that a URL names. The driver would not say which of them cannot be read.
pub(super) fn check_files(url: &str) -> Result<(), StoreError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for (name, path) in query.split('&').filter_map(|parameter| parameter.split_once('=')) {
        // A value with escapes may be the certificate itself.
        if FILES.contains(&name) && !path.contains(['%', '+']) {
            File::open(path).map_err(|error| unreachable(format!("{name}={path}"), error))?;
        }
    }
    Ok(())
}

/// A name that the driver reads, or `options[NAME]`, a setting of the server, also with an escaped bracket.
fn is_parameter(name: &str) -> bool {
    PARAMETERS.contains(&name) || name.starts_with("options[") || name.starts_with("options%5B")
}

/// A socket in the file system, or this machine by its address or its usual name.
/// A name that resolves to loopback is not enough: the resolver of the machine may answer otherwise tomorrow.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(is_loopback)
}

/// An error of the first connection, with the server that it is about.
pub(super) fn failed(options: &PgConnectOptions, error: sqlx::Error) -> StoreError {
    let place = match options.get_socket() {
        Some(socket) => format!("PostgreSQL at {}", socket.display()),
        None => format!("PostgreSQL at {}, port {}", options.get_host(), options.get_port()),
    };
    let cause: BoxError = match error {
        sqlx::Error::Tls(cause) if !cfg!(feature = "postgres-tls") => {
            format!("{cause}; this program is built without the feature postgres-tls, which sslmode needs").into()
        }
        error => error.into(),
    };
    unreachable(place, cause)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn reason(url: &str) -> Option<String> {
        options(url).err().map(|error| error.source().map(ToString::to_string).unwrap_or_default())
    }

    #[test]
    fn plain_text_to_another_machine_is_a_choice() {
        for (url, is_open) in [
            ("postgres://dcr:secret@db.example.com/dcr", true),
            ("postgresql://dcr:secret@db.example.com/dcr?sslmode=prefer", true),
            ("postgres://db.example.com/dcr?sslmode=allow", true),
            ("postgres://db.example.com/dcr?ssl-mode=prefer", true),
            ("postgres://192.0.2.1/dcr", true),
            ("postgres://0.0.0.0/dcr", true),
            ("postgres://[2001:db8::1]/dcr", true),
            ("postgres://localhost.example.com/dcr", true),
            ("postgres://localhost/dcr?host=db.example.com", true),
            ("postgres://localhost/dcr?hostaddr=192.0.2.1", true),
            ("postgres://db.example.com/dcr?sslmode=disable", false),
            ("postgres://db.example.com/dcr?sslmode=require", false),
            ("postgres://db.example.com/dcr?sslmode=verify-ca", false),
            ("postgres://db.example.com/dcr?sslmode=verify-full", false),
            ("postgres://localhost/dcr", false),
            ("postgres://LOCALHOST/dcr?sslmode=prefer", false),
            ("postgres://127.0.0.1/dcr", false),
            ("postgres://127.8.8.8/dcr", false),
            ("postgres://[::1]/dcr", false),
            ("postgres://[::ffff:127.0.0.1]/dcr", false),
            ("postgres:///dcr?host=/run/postgresql", false),
            ("postgres://%2Frun%2Fpostgresql/dcr", false),
        ] {
            assert_eq!(reason(url).as_deref(), is_open.then_some(PLAIN_TEXT), "{url}");
        }
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_without_its_password() {
        for (url, expected) in [
            ("", SCHEME),
            ("dcr", SCHEME),
            ("postgres:dcr", SCHEME),
            ("postgresql:/dcr", SCHEME),
            ("mysql://dcr:secret@localhost/dcr", SCHEME),
            ("postgres://dcr:sec#ret@localhost/dcr", FRAGMENT),
            ("postgres://dcr:secret@one,two/dcr", SEVERAL_HOSTS),
            (
                "postgres://dcr:secret@localhost/dcr?sslmod=require",
                "parameter 1 of the URL is not known, it can be sslmode, ",
            ),
            ("postgres://localhost/dcr?user=dcr&ssl=true", "parameter 2 of the URL is not known, it can be sslmode, "),
            ("postgres://dcr:12?secret@localhost/dcr", "parameter 1 of the URL is not known, it can be sslmode, "),
            ("postgres://db.example.com/dcr?sslmode=require&ssl-mode=disable", TWICE),
            ("postgres://localhost/dcr?user=dcr&user=other", TWICE),
            ("postgres://localhost/dcr?sslmode=secret", ""),
            ("postgres://dcr:secret@localhost:secret/dcr", ""),
        ] {
            let reason = reason(url).unwrap_or_else(|| panic!("{url}"));
            assert!(reason.starts_with(expected), "{url}: {reason}");
            assert!(!url.contains("dcr:secret@") || !reason.contains("secret"), "{url}: {reason}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        for (url, expected) in [
            ("postgres://localhost/dcr?sslrootcert=/no/ca.pem", Some("sslrootcert=/no/ca.pem cannot be used")),
            ("postgres://localhost/dcr?user=x&ssl-key=/no/key.pem", Some("ssl-key=/no/key.pem cannot be used")),
            ("postgres://localhost/dcr?sslrootcert=-----BEGIN%20CERTIFICATE-----", None),
            ("postgres://localhost/dcr?application_name=/no/name", None),
            ("postgres://localhost/dcr?sslrootcert=Cargo.toml", None),
            ("postgres://localhost/dcr", None),
        ] {
            let found = check_files(url).err().and_then(|error| error.source().map(ToString::to_string));
            assert_eq!(found.as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn certificates_that_are_named_are_used() {
        for name in ["sslrootcert", "ssl-root-cert", "ssl-ca"] {
            let options = options(&format!("postgres://db.example.com/dcr?sslmode=require&{name}=ca.pem")).unwrap();
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyCa), "{name}");
        }
        assert_eq!(options("postgres://[::1]/dcr").unwrap().get_host(), "::1");
    }
}
