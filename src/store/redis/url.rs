//! What a Redis URL says.
//!
//! The driver ignores what it does not understand, so a mistake in a URL could mean plain text where the operator
//! meant TLS, or another database than the one that was meant. A URL is therefore read strictly: an unknown parameter,
//! a fragment and a scheme without its feature are errors that say how to write the URL. No error shows the URL
//! itself, because it may have a password.
//!
//! A cluster has no scheme of its own in the driver. `redis+cluster://` and `rediss+cluster://` are split here into one
//! URL for each node, which are then read like the URL of a server.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};

use crate::error::StoreError;
use crate::store::unreachable::unreachable;

/// For another scheme, and for a URL without the slashes of its form.
const FORMS: &str = "a Redis URL is redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss://… for TLS, \
    redis+cluster://HOST:PORT,HOST:PORT or rediss+cluster://… for a cluster, or unix:///PATH/OF/SOCKET?db=DATABASE";
/// Some builds of the driver take `#insecure` as permission to accept any certificate.
const FRAGMENT: &str = "the URL has a fragment; a # in a name or a password is written %23, and a certificate is always \
    verified";
/// The parameters that the driver reads. It ignores others, so `redis://HOST?tls=true` would send plain text.
/// The database, the user and the password of a server are in the other parts of its URL.
const SERVER_PARAMETERS: &[&str] = &["protocol"];
/// A socket has a path where a server has the database, the user and the password, so these are parameters.
const SOCKET_PARAMETERS: &[&str] = &["db", "user", "pass", "protocol"];
#[cfg(not(feature = "redis-tls"))]
const NO_TLS: &str = "rediss:// asks for TLS, and this program is built without the feature redis-tls";

/// Reads a URL. Its password is in no error.
///
/// # Errors
///
/// When the scheme is unknown, the form is not that of its scheme, there is a fragment or an unknown parameter, or TLS
/// is needed without the feature. An unknown parameter is named by its position, because a `?` in a password makes the
/// rest of the password look like a parameter.
pub(super) fn info(url: &str) -> Result<ConnectionInfo, StoreError> {
    let refused = |reason: &str| Err(StoreError::unavailable(reason.to_owned()));
    let Some((scheme, rest)) = url.split_once(':') else { return refused(FORMS) };
    let scheme = scheme.to_ascii_lowercase();
    let (known, is_form) = match &*scheme {
        "redis" | "rediss" | "valkey" | "valkeys" => (SERVER_PARAMETERS, rest.starts_with("//")),
        "unix" | "redis+unix" | "valkey+unix" => {
            (SOCKET_PARAMETERS, rest.starts_with("///") || (rest.starts_with('/') && !rest.starts_with("//")))
        }
        _ => return refused(FORMS),
    };
    if !is_form {
        return refused(FORMS);
    }
    if rest.contains('#') {
        return refused(FRAGMENT);
    }
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter(|one| !one.is_empty()).map(|one| one.split('=').next().unwrap_or_default());
    if let Some(unknown) = names.enumerate().find(|(_, name)| !known.contains(name)) {
        return refused(&format!(
            "parameter {} of the URL is not known, it can be {}",
            unknown.0 + 1,
            known.join(", ")
        ));
    }
    #[cfg(not(feature = "redis-tls"))]
    if matches!(&*scheme, "rediss" | "valkeys") && url.into_connection_info().is_err() {
        return refused(NO_TLS);
    }
    url.into_connection_info().map_err(StoreError::unavailable)
}

/// The URLs of the nodes that a URL of a cluster names; none where it names no cluster.
///
/// The user, the password and the parameters are those of every node. A comma in a password is no problem, because only
/// the part after the last `@` is split.
pub(super) fn nodes(url: &str) -> Option<Vec<String>> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let scheme = scheme.strip_suffix("+cluster").filter(|scheme| matches!(*scheme, "redis" | "rediss"))?;
    let (authority, end) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    Some(hosts.split(',').map(|host| format!("{scheme}://{user}{host}{end}")).collect())
}

/// An error of the first connection, with the server that it is about.
pub(super) fn failed(address: &ConnectionAddr, error: redis::RedisError) -> StoreError {
    unreachable(format!("Redis at {address}"), error)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_url_that_is_not_understood_is_refused_without_its_password() {
        for (url, expected) in [
            ("", FORMS),
            ("localhost:6379", FORMS),
            ("http://:secret@localhost", FORMS),
            ("redis:localhost", FORMS),
            ("redis:/localhost", FORMS),
            ("unix:run/redis.sock", FORMS),
            ("unix://run/redis.sock", FORMS),
            ("redis+unix:", FORMS),
            ("rediss://:secret@localhost#insecure", FRAGMENT),
            ("redis://:sec#ret@localhost", FRAGMENT),
            ("redis://:secret@localhost?tls=true", "parameter 1 of the URL is not known, it can be protocol"),
            ("redis://:secret@localhost?protocol=3&db=1", "parameter 2 of the URL is not known, it can be protocol"),
            (
                "unix:///run/redis.sock?pass=secret&password=secret",
                "parameter 2 of the URL is not known, it can be db, user",
            ),
            ("redis://:secret@localhost/none", ""),
            ("redis://:secret@localhost:secret", ""),
            ("redis://:secret@0.0.0.0", ""),
        ] {
            let error = info(url).expect_err(url);
            let reason = error.source().unwrap().to_string();
            assert!(reason.starts_with(expected), "{url}: {reason}");
            assert!(!format!("{reason} {error} {error:?}").contains("secret"), "{url}: {reason}");
        }
    }

    #[test]
    fn servers_and_sockets_are_named_as_usual() {
        for (url, address, database) in [
            ("redis://localhost", "localhost:6379", 0),
            ("REDIS://user:secret@localhost:7000/3", "localhost:7000", 3),
            ("redis://[::1]:7000?protocol=resp3", "::1:7000", 0),
            ("valkey://localhost/1", "localhost:6379", 1),
            ("unix:/run/redis.sock", "/run/redis.sock", 0),
            ("unix:///run/redis.sock?db=2", "/run/redis.sock", 2),
            ("redis+unix:///run/redis.sock?user=dcr&pass=secret", "/run/redis.sock", 0),
            #[cfg(feature = "redis-tls")]
            ("rediss://localhost:7000", "localhost:7000", 0),
        ] {
            let info = info(url).unwrap_or_else(|error| panic!("{url}: {error:?}"));
            assert_eq!((&*info.addr().to_string(), info.redis_settings().db()), (address, database), "{url}");
        }
    }

    #[test]
    fn a_cluster_is_named_by_some_of_its_nodes() {
        for (url, expected) in [
            ("redis+cluster://one:7000", Some(vec!["redis://one:7000"])),
            ("redis+cluster://one:7000,two:7001", Some(vec!["redis://one:7000", "redis://two:7001"])),
            (
                "rediss+cluster://a:b,c@one,two?protocol=3",
                Some(vec!["rediss://a:b,c@one?protocol=3", "rediss://a:b,c@two?protocol=3"]),
            ),
            ("redis://one:7000,two:7001", None),
            ("http+cluster://one", None),
            ("redis+cluster:one", None),
        ] {
            let expected = expected.map(|nodes| nodes.into_iter().map(str::to_owned).collect());
            assert_eq!(nodes(url), expected, "{url}");
        }
    }

    #[cfg(not(feature = "redis-tls"))]
    #[test]
    fn tls_without_the_feature_names_it() {
        let error = info("rediss://localhost").unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), NO_TLS);
    }
}
