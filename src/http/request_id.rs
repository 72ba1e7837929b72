//! The identifier of a request, which a header carries, for the audit trail.
//!
//! A proxy in front, or a layer such as tower-http's `SetRequestIdLayer`, sets it. A caller may set it too, so nothing
//! but short visible text is recorded: a log must not be changed by what a caller sends.
//!
//! The identifier has no effect on the request. It only correlates the events of the audit trail with the logs of
//! other servers, so an invalid one is ignored and the request is answered.

use http::HeaderMap;

use crate::hooks::audit::is_request_id;

/// The value of the only header with this name: 1 to 128 visible ASCII characters. `None` for any other value, and
/// for a repeated header, because it is unclear which of the values the proxy set.
pub(super) fn request_id<'a>(headers: &'a HeaderMap, name: Option<&str>) -> Option<&'a str> {
    let mut values = headers.get_all(name?).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    // Not shortened: two long identifiers with the same beginning would correlate with each other.
    value.to_str().ok().filter(|value| is_request_id(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_short_visible_identifier_is_recorded() {
        let (longest, longer) = ("a".repeat(128), "a".repeat(129));
        let rows: &[(&[&str], Option<&str>)] = &[
            (&["01J9Z-abc/{}\""], Some("01J9Z-abc/{}\"")),
            (&[&longest], Some(&longest)),
            (&[&longer], None),
            (&[""], None),
            (&["a b"], None),
            (&["a\tb"], None),
            (&["a", "a"], None),
            (&[], None),
        ];
        let name = "x-request-id";
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in *values {
                headers.append(name, value.parse().unwrap());
            }
            assert_eq!(request_id(&headers, Some(name)), *expected, "{values:?}");
            assert_eq!(request_id(&headers, None), None, "{values:?}: switched off");
        }
        let mut headers = HeaderMap::new();
        headers.append(name, http::HeaderValue::from_bytes(b"caf\xe9").unwrap());
        assert_eq!(request_id(&headers, Some(name)), None, "not ASCII");
    }
}
