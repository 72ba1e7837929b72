//! Grant types and response types: what the client requests and what is registered.
//!
//! Clients list everything that they know (VS Code, ChatGPT, LibreChat and Matrix clients do), so values that
//! are not supported are left out while a usable one remains, and the reply says what was registered
//! ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)). A refusal would lock these clients out; registering
//! what cannot work would move the failure to the first login.
//!
//! - Reads: `grant_types`, `response_types`, `token_endpoint_auth_method`.
//! - Changes: removes repeated values and values that are not supported; `code` is the default response type.
//! - Refuses (M12): a document of which no usable grant remains, or whose grants and responses do not fit.

use super::refuse;
use crate::error::Violations;
use crate::protocol::metadata::{ClientMetadata, GrantType, ResponseType, TokenEndpointAuthMethod};
use crate::protocol::{Supported, Switch};

/// The grant types that each response type needs. The spelling of the row is the one that is registered
/// ([RFC 7591 §2.1](https://www.rfc-editor.org/rfc/rfc7591#section-2.1),
/// [OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)).
const CORRESPONDENCE: &[(ResponseType, &[GrantType])] = {
    use GrantType::{AuthorizationCode as Code, Implicit};
    &[
        (ResponseType::Code, &[Code]),
        (ResponseType::Token, &[Implicit]),
        (ResponseType::IdToken, &[Implicit]),
        (ResponseType::IdTokenToken, &[Implicit]),
        (ResponseType::CodeIdToken, &[Code, Implicit]),
        (ResponseType::CodeToken, &[Code, Implicit]),
        (ResponseType::CodeIdTokenToken, &[Code, Implicit]),
        (ResponseType::None, &[]),
        (ResponseType::VpToken, &[]),
        (ResponseType::VpTokenIdToken, &[]),
    ]
};

/// Leaves out what is not supported, and checks that grant types and response types agree (M12).
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    apply_grant_types(metadata, supported, violations);
    apply_response_types(metadata, supported, violations);
}

/// Registers the supported grant types in the order of the document, each once.
fn apply_grant_types(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    let public = metadata.token_endpoint_auth_method == Some(TokenEndpointAuthMethod::None);
    let asked = std::mem::take(&mut metadata.grant_types);
    for grant in asked {
        // A public client has nothing to authenticate with (RFC 6749 §4.4).
        let offered = supported.grant_types.contains(&grant) && !(public && grant == GrantType::ClientCredentials);
        if !offered && supported.is_on(Switch::UnofferedRefused) {
            return refuse(violations, "grant_types", "M12", "a grant type that is not offered to this client");
        }
        if offered && !metadata.grant_types.contains(&grant) {
            metadata.grant_types.push(grant);
        }
    }
    // A refresh token comes from another grant, so the grant type cannot stand alone (RFC 6749 §1.5).
    let alone = metadata.grant_types.iter().all(|grant| *grant == GrantType::RefreshToken);
    if alone && !violations.concern("grant_types") {
        refuse(
            violations,
            "grant_types",
            "M12",
            "none of the grant types is offered to this client, or only refresh_token",
        );
    }
}

/// Registers the supported response types whose grant types are registered, each once and in its registered spelling.
///
/// A grant type of the authorization endpoint without a response type is refused: such a client could never log a user in.
fn apply_response_types(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    if violations.concern("grant_types") || violations.concern("response_types") {
        return;
    }
    let granted = |grant: &GrantType| metadata.grant_types.contains(grant);
    let asked = std::mem::take(&mut metadata.response_types);
    let asked =
        if asked.is_empty() && granted(&GrantType::AuthorizationCode) { vec![ResponseType::Code] } else { asked };
    let mut registered = Vec::new();
    for response in asked.iter().map(in_registered_order) {
        let offered = response
            .filter(|(response, needs)| supported.response_types.contains(response) && needs.iter().all(granted));
        let offered = offered.map(|(response, _)| response);
        match offered {
            Some(response) if !registered.contains(response) => registered.push(response.clone()),
            None if supported.is_on(Switch::UnofferedRefused) => {
                return refuse(
                    violations,
                    "response_types",
                    "M12",
                    "a response type that is not offered or does not fit the grant types",
                );
            }
            _ => {}
        }
    }
    // Only the two grants of the authorization endpoint need a response type (RFC 7591 §2.1).
    let answered = |grant| registered.iter().filter_map(in_registered_order).any(|(_, needs)| needs.contains(grant));
    let unanswered =
        [GrantType::AuthorizationCode, GrantType::Implicit].iter().any(|grant| granted(grant) && !answered(grant));
    if unanswered {
        let detail = "authorization_code needs a response type with code, implicit one with token or id_token; grant_types and response_types do not fit";
        refuse(violations, "response_types", "M12", detail);
    }
    metadata.response_types = registered;
}

/// The row of a response type. The order of its words has no meaning
/// ([RFC 6749 §8.4](https://www.rfc-editor.org/rfc/rfc6749#section-8.4)).
fn in_registered_order(asked: &ResponseType) -> Option<&'static (ResponseType, &'static [GrantType])> {
    // Sorted words compare as sets; a repeated word is no response type of any row.
    let words = |response: &'_ ResponseType| {
        let mut words: Vec<String> = response.as_str().split(' ').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let asked = words(asked);
    CORRESPONDENCE.iter().find(|(response, _)| words(response) == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(grants: &[&str], responses: &[&str], offered: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
        let mut metadata = ClientMetadata {
            redirect_uris: vec!["https://app.example.com/cb".to_owned()],
            grant_types: grants.iter().map(|grant| GrantType::from(*grant)).collect(),
            response_types: responses.iter().map(|response| ResponseType::from(*response)).collect(),
            ..ClientMetadata::default()
        };
        let grant_types = offered.iter().map(|grant| GrantType::from(*grant)).collect();
        let supported = Supported { grant_types, ..Supported::with_switches(&[]) };
        let mut violations = Violations::default();
        super::super::fill_defaults(&mut metadata, &supported, &mut violations);
        apply(&mut metadata, &supported, &mut violations);
        let text = |value: &dyn ToString| value.to_string();
        violations.is_empty().then(|| {
            (
                metadata.grant_types.iter().map(|grant| text(grant)).collect(),
                metadata.response_types.iter().map(|response| text(response)).collect(),
            )
        })
    }

    #[test]
    fn grants_and_responses_are_narrowed_to_what_is_offered_and_fits() {
        type Row = (
            &'static str,
            &'static [&'static str],
            &'static [&'static str],
            &'static [&'static str],
            Option<(&'static [&'static str], &'static [&'static str])>,
        );
        const CODE: &[&str] = &["authorization_code", "refresh_token"];
        const ALL: &[&str] = &["authorization_code", "implicit", "client_credentials"];
        let rows: &[Row] = &[
            ("defaults", &[], &[], CODE, Some((&["authorization_code"], &["code"]))),
            (
                "order kept, duplicates collapse",
                &["refresh_token", "authorization_code", "refresh_token"],
                &[],
                CODE,
                Some((&["refresh_token", "authorization_code"], &["code"])),
            ),
            (
                "unoffered left out",
                &["authorization_code", "password"],
                &["code", "id_token"],
                CODE,
                Some((&["authorization_code"], &["code"])),
            ),
            ("refresh token alone", &["refresh_token"], &[], CODE, None),
            ("nothing left", &["password"], &[], CODE, None),
            ("default not offered", &[], &[], &["client_credentials"], None),
            ("no redirect grant", &["client_credentials"], &["code"], ALL, Some((&["client_credentials"], &[]))),
            ("code without its response", &["authorization_code"], &["token"], ALL, None),
            ("implicit without its response", &["implicit"], &["code"], ALL, None),
            ("implicit and no response", &["implicit"], &[], ALL, None),
            (
                "hybrid words in any order",
                &["authorization_code", "implicit"],
                &["token id_token code"],
                ALL,
                Some((&["authorization_code", "implicit"], &["code id_token token"])),
            ),
            (
                "hybrid needs both grants",
                &["authorization_code"],
                &["code id_token", "code"],
                ALL,
                Some((&["authorization_code"], &["code"])),
            ),
            ("a word twice is no response type", &["authorization_code"], &["code code"], ALL, None),
            ("case matters", &["authorization_code"], &["Code"], ALL, None),
        ];
        for (name, grants, responses, offered, expected) in rows {
            let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let expected = expected.map(|(grants, responses)| (texts(grants), texts(responses)));
            assert_eq!(register(grants, responses, offered), expected, "{name}");
        }
    }
    #[test]
    fn response_types_are_those_that_are_offered() {
        use Switch::UnofferedRefused;
        let implicit = ["authorization_code", "implicit"];
        type Row =
            (&'static str, &'static [&'static str], &'static [&'static str], &'static [Switch], Option<&'static str>);
        let rows: &[Row] = &[
            ("hybrid is not offered", &["code id_token", "code", "token"], &["code", "token"], &[], Some("code,token")),
            ("nothing answers implicit", &["code", "token"], &["code"], &[], None),
            ("hybrid is refused", &["code", "token", "code token"], &["code", "token"], &[UnofferedRefused], None),
            ("all is offered", &["token", "code"], &["code", "token"], &[UnofferedRefused], Some("token,code")),
        ];
        for (name, asked, offered, on, expected) in rows {
            let mut metadata = ClientMetadata {
                grant_types: implicit.map(GrantType::from).to_vec(),
                response_types: asked.iter().map(|response| ResponseType::from(*response)).collect(),
                ..ClientMetadata::default()
            };
            let supported = Supported {
                grant_types: metadata.grant_types.clone(),
                response_types: offered.iter().map(|response| ResponseType::from(*response)).collect(),
                ..Supported::with_switches(on)
            };
            let mut violations = Violations::default();
            apply(&mut metadata, &supported, &mut violations);
            let registered = metadata.response_types.iter().map(ResponseType::as_str).collect::<Vec<_>>().join(",");
            assert_eq!(violations.is_empty().then_some(&*registered), *expected, "{name}");
        }
    }
}
