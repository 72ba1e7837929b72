//! Claims that limit when and for which audience a token is valid
//! ([RFC 7519 §4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::protocol::json::Object;

/// The time at which a token is verified, by the clock of the registry, and how old it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) now: SystemTime,
    /// How long after `iat` a token is valid. With a value, `iat` is required.
    pub(crate) max_age: Option<Duration>,
}

impl Times {
    /// Checks `exp`, `nbf` and `iat` where they are present. `leeway` is the tolerated difference of the clocks, in both
    /// directions.
    pub(crate) fn check(&self, claims: &Object, leeway: Duration) -> Result<(), TimeFault> {
        // In `f64`, since claims may have fractions and any size: `exp` of 1e300 must not overflow.
        let now = seconds(self.now);
        let leeway = leeway.as_secs_f64();
        if date(claims, "exp")?.is_some_and(|exp| now >= exp + leeway) {
            return Err(TimeFault::Expired);
        }
        if date(claims, "nbf")?.is_some_and(|nbf| now + leeway < nbf) {
            return Err(TimeFault::NotYetValid);
        }
        let issued = date(claims, "iat")?;
        if issued.is_some_and(|iat| now + leeway < iat) {
            return Err(TimeFault::IssuedInFuture);
        }
        match self.max_age {
            Some(age) if issued.is_none_or(|iat| now >= iat + age.as_secs_f64() + leeway) => Err(TimeFault::TooOld),
            _ => Ok(()),
        }
    }
}

/// Why a token is not valid at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeFault {
    NotANumber,
    Expired,
    NotYetValid,
    IssuedInFuture,
    TooOld,
}

impl TimeFault {
    /// The reason for the client, which contains no value of the token.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::NotANumber => "exp, nbf and iat must be numbers",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::IssuedInFuture => "it was issued in the future",
            Self::TooOld => "it is too old",
        }
    }
}

/// The time at which a token expires, with the leeway; `None` without `exp`, and for a time that cannot be represented. A
/// nonce must be remembered until then.
pub(crate) fn expiry(claims: &Object, leeway: Duration) -> Option<SystemTime> {
    let exp = date(claims, "exp").ok().flatten()?;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(exp).ok()?)?.checked_add(leeway)
}

/// Whether a token is for one of these audiences. A token without `aud` is for every audience; a caller that must not
/// accept it requires the claim.
pub(crate) fn has_audience(claims: &Object, own: &[&str]) -> bool {
    let is_own = |value: &Value| value.as_str().is_some_and(|audience| own.contains(&audience));
    match claims.get("aud") {
        None => true,
        Some(Value::Array(audiences)) => audiences.iter().any(is_own),
        Some(audience) => is_own(audience),
    }
}

/// A `NumericDate` ([RFC 7519 §2](https://www.rfc-editor.org/rfc/rfc7519#section-2)): seconds since 1970, possibly with a fraction.
fn date(claims: &Object, name: &str) -> Result<Option<f64>, TimeFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(TimeFault::NotANumber),
    }
}

/// Seconds since 1970. An earlier clock is taken for 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Object {
        crate::protocol::json::read::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn times_are_compared_to_the_second_with_leeway() {
        let rows: &[(&str, Option<u64>, bool)] = &[
            ("{}", None, true),
            (r#"{"exp":990}"#, None, false),
            (r#"{"exp":990.5}"#, None, true),
            (r#"{"exp":991}"#, None, true),
            (r#"{"nbf":1010}"#, None, true),
            (r#"{"nbf":1010.5}"#, None, false),
            (r#"{"iat":1010}"#, None, true),
            (r#"{"iat":1011}"#, None, false),
            (r#"{"iat":-5}"#, None, true),
            ("{}", Some(60), false),
            (r#"{"iat":930}"#, Some(60), false),
            (r#"{"iat":931}"#, Some(60), true),
            (r#"{"exp":"2000"}"#, None, false),
            (r#"{"nbf":null}"#, None, false),
            (r#"{"iat":[1]}"#, None, false),
            (r#"{"exp":1e300}"#, None, true),
        ];
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        for (text, max_age, valid) in rows {
            let times = Times { now, max_age: max_age.map(Duration::from_secs) };
            let checked = times.check(&claims(text), Duration::from_secs(10));
            assert_eq!(checked.is_ok(), *valid, "{text} {max_age:?}: {checked:?}");
        }
    }

    #[test]
    fn an_audience_is_one_of_ours_or_absent() {
        let own = ["https://id.example.com", "https://id.example.com/oidc/register"];
        let rows = [
            ("{}", true),
            (r#"{"aud":"https://id.example.com"}"#, true),
            (r#"{"aud":["x","https://id.example.com/oidc/register"]}"#, true),
            (r#"{"aud":"https://id.example.com/"}"#, false),
            (r#"{"aud":"other"}"#, false),
            (r#"{"aud":[]}"#, false),
            (r#"{"aud":null}"#, false),
            (r#"{"aud":7}"#, false),
        ];
        for (text, expected) in rows {
            assert_eq!(has_audience(&claims(text), &own), expected, "{text}");
        }
    }

    #[test]
    fn the_expiry_is_a_time_or_nothing() {
        let at = |text| expiry(&claims(text), Duration::from_secs(30));
        assert_eq!(at(r#"{"exp":1000}"#), Some(UNIX_EPOCH + Duration::from_secs(1030)));
        for text in ["{}", r#"{"exp":"1"}"#, r#"{"exp":1e300}"#, r#"{"exp":-1}"#] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
