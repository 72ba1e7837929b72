//! The type of application: `web` or `native`.
//!
//! Deployed native clients leave the member out or send `web`, so by default the type is derived from the redirect URIs,
//! which cannot be wrong. A certified OpenID Provider must take the member literally; a switch does that.
//!
//! - Reads: `redirect_uris`, which an earlier rule accepted.
//! - Changes: `application_type`, which is always registered.
//! - Refuses: another value than the two, where the switch `application-type-literal` is on.

use super::refuse;
use crate::error::Violations;
use crate::protocol::metadata::{ApplicationType, ClientMetadata};
use crate::protocol::uri::redirect::Kind;
use crate::protocol::{Supported, Switch};

/// By default the type is a hint: a client with a private-use scheme or an `http` loopback URI runs on the user's
/// device, whatever it sent ([RFC 8252 §7](https://www.rfc-editor.org/rfc/rfc8252#section-7)). Where the type is missing
/// and the URIs do not show it, or where it is taken literally, it is `web`
/// ([OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)).
///
/// A type that no standard defines is treated as not sent
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)), and is refused where the type is taken literally.
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    let literal = supported.is_on(Switch::ApplicationTypeLiteral);
    // The unknown value is removed in both cases, so that no reply and no store contains it.
    let unknown = metadata.application_type.take_if(|sent| matches!(sent, ApplicationType::Other(_))).is_some();
    if unknown && literal {
        refuse(violations, "application_type", Switch::ApplicationTypeLiteral.name(), "the type must be web or native");
    }
    let on_device = |uri: &String| Kind::of(uri) != Kind::Https;
    if !literal && metadata.redirect_uris.iter().any(on_device) {
        metadata.application_type = Some(ApplicationType::Native);
    }
    metadata.application_type.get_or_insert(ApplicationType::Web);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_corrected_unless_it_is_taken_literally() {
        use ApplicationType::{Native, Web};
        let rows = [
            ("https", "https://a.example/cb", None, Web, Web),
            ("https, native", "https://a.example/cb", Some(Native), Native, Native),
            ("loopback", "http://127.0.0.1/cb", None, Native, Web),
            ("loopback, web", "http://localhost/cb", Some(Web), Native, Web),
            ("private use, web", "cursor://a/cb", Some(Web), Native, Web),
            ("secure localhost", "https://localhost/cb", None, Web, Web),
        ];
        for (name, uri, sent, hint, literal) in rows {
            for (on, expected) in [(&[][..], &hint), (&[Switch::ApplicationTypeLiteral][..], &literal)] {
                let mut metadata = ClientMetadata {
                    redirect_uris: vec![uri.to_owned()],
                    application_type: sent.clone(),
                    ..ClientMetadata::default()
                };
                apply(&mut metadata, &Supported::with_switches(on), &mut Violations::default());
                assert_eq!(metadata.application_type.as_ref(), Some(expected), "{name} with {on:?}");
            }
        }
    }

    #[test]
    fn an_unknown_type_is_refused_only_where_the_type_is_taken_literally() {
        let rows: &[(&str, &[Switch], Option<&str>)] =
            &[("hint", &[], None), ("literal", &[Switch::ApplicationTypeLiteral], Some("application-type-literal"))];
        for (name, on, rule) in rows {
            let sent = Some(ApplicationType::from("spa"));
            let mut metadata = ClientMetadata { application_type: sent, ..ClientMetadata::default() };
            let mut violations = Violations::default();
            apply(&mut metadata, &Supported::with_switches(on), &mut violations);
            let broken = violations.iter().next();
            assert_eq!(
                broken.map(|broken| (broken.pointer(), broken.rule())),
                rule.map(|rule| ("/application_type", rule)),
                "{name}"
            );
            assert_eq!(metadata.application_type, Some(ApplicationType::Web), "{name}");
        }
    }
}
