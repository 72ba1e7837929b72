//! Subject identifiers: how users are named to the client, and which clients form one sector
//! ([OpenID Connect Core §8](https://openid.net/specs/openid-connect-core-1_0.html#SubjectIDTypes)).
//!
//! With pairwise identifiers, two clients that share a host see the same user under the same identifier. The host must
//! therefore be certain: either all URIs of the client have one host, or a document that the client publishes lists them.
//!
//! - Reads: `subject_type`, `sector_identifier_uri` and the URIs of the sector.
//! - Changes: removes a sector that has no use; registers the subject type where there is no choice.
//! - Refuses (M16): a type that is not supported, and a pairwise client whose sector is not certain.

use std::collections::BTreeSet;

use super::refuse;
use crate::error::Violations;
use crate::protocol::Supported;
use crate::protocol::metadata::{ClientMetadata, Leads, SubjectType, TokenDeliveryMode};
use crate::protocol::uri::Parts;

/// Checks the subject type, registers the only one that the server supports, and demands a sector for pairwise subjects.
pub(super) fn apply(metadata: &mut ClientMetadata, supported: &Supported, violations: &mut Violations) {
    if let Some(subject_type) = &metadata.subject_type
        && !supported.subject_types.contains(subject_type)
    {
        refuse(violations, "subject_type", "M16", "this subject type is not offered");
    }
    if !supported.subject_types.contains(&SubjectType::Pairwise) {
        // Without pairwise identifiers a sector has no use, and the server would have to fetch its document.
        metadata.sector_identifier_uri = None;
    }
    if !supported.subject_types.contains(&SubjectType::Public) && metadata.subject_type.is_none() {
        metadata.subject_type = supported.subject_types.first().cloned();
    }
    let pairwise = metadata.subject_type == Some(SubjectType::Pairwise);
    let members = metadata.uris(|leads| is_of_sector(leads, metadata));
    // A malformed URI has no host, and its own rule has reported it.
    let clear = !violations.concern("sector_identifier_uri")
        && !members.iter().any(|(member, _)| violations.concern(member.name));
    if pairwise && clear && metadata.sector_identifier_uri.is_none() && !has_one_host(metadata) {
        let detail = "pairwise subjects need a sector_identifier_uri, or redirect URIs (with CIBA also jwks_uri or \
            backchannel_client_notification_endpoint) on one and the same host";
        refuse(violations, "sector_identifier_uri", "M16", detail);
    }
}

/// Whether all URIs of the sector have one host, which is then the sector
/// ([OpenID Connect Core §8.1](https://openid.net/specs/openid-connect-core-1_0.html#PairwiseAlg)).
fn has_one_host(metadata: &ClientMetadata) -> bool {
    let host = |uri: &str| Some(Parts::read(uri).ok()?.server().ok()?.host.to_ascii_lowercase());
    let hosts: BTreeSet<_> = uris_of_sector(metadata).map(host).collect();
    hosts.len() <= 1 && !hosts.contains(&None)
}

/// The URIs that the sector document must list: every redirect URI
/// ([OpenID Connect Registration §5](https://openid.net/specs/openid-connect-registration-1_0.html#SectorIdentifierValidation)),
/// and with CIBA the key set or the notification endpoint
/// ([CIBA §4](https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#registration)).
pub(crate) fn uris_of_sector(metadata: &ClientMetadata) -> impl Iterator<Item = &str> {
    metadata.uris(|leads| is_of_sector(leads, metadata)).into_iter().map(|(_, text)| text.value)
}

/// Whether the URIs of a member belong to the sector of the client.
fn is_of_sector(leads: Leads, metadata: &ClientMetadata) -> bool {
    let by_mode = match metadata.backchannel_token_delivery_mode {
        Some(TokenDeliveryMode::Poll | TokenDeliveryMode::Ping) => Some(Leads::Keys),
        Some(TokenDeliveryMode::Push) => Some(Leads::Notifications),
        _ => None,
    };
    let pairwise = metadata.subject_type == Some(SubjectType::Pairwise);
    leads == Leads::Responses || pairwise && by_mode == Some(leads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(document: &str, offered: &[SubjectType]) -> (ClientMetadata, Vec<String>) {
        let mut metadata = ClientMetadata::from_json(document.as_bytes()).unwrap();
        let supported = Supported { subject_types: offered.to_vec(), ..Supported::with_switches(&[]) };
        let mut violations = Violations::default();
        apply(&mut metadata, &supported, &mut violations);
        (metadata, violations.iter().map(|violation| violation.pointer().to_owned()).collect())
    }

    #[test]
    fn pairwise_subjects_need_a_sector() {
        use SubjectType::{Pairwise, Public};
        const BOTH: &[SubjectType] = &[Public, Pairwise];
        let one = r#""redirect_uris":["https://a.example/1","https://A.example:8443/2"]"#;
        let two = r#""redirect_uris":["https://a.example/cb","https://b.example/cb"]"#;
        let pairwise = r#""subject_type":"pairwise""#;
        let notified = |host: &str| {
            let endpoint = format!("https://{host}/notify");
            format!(
                r#""backchannel_token_delivery_mode":"push","backchannel_client_notification_endpoint":"{endpoint}""#
            )
        };
        let sector = r#""sector_identifier_uri":"https://a.example/sector""#;
        let rows = [
            ("not offered", format!("{{{one},{pairwise}}}"), &[Public][..], Some("/subject_type")),
            ("unheard of", format!(r#"{{{one},"subject_type":"x"}}"#), BOTH, Some("/subject_type")),
            ("one host", format!("{{{one},{pairwise}}}"), BOTH, None),
            ("two hosts", format!("{{{two},{pairwise}}}"), BOTH, Some("/sector_identifier_uri")),
            ("two hosts and a sector", format!("{{{two},{pairwise},{sector}}}"), BOTH, None),
            ("two hosts, public", format!("{{{two}}}"), BOTH, None),
            ("two hosts, pairwise by default", format!("{{{two}}}"), &[Pairwise][..], Some("/sector_identifier_uri")),
            (
                "no host",
                format!(r#"{{"redirect_uris":["com.example:/cb"],{pairwise}}}"#),
                BOTH,
                Some("/sector_identifier_uri"),
            ),
            ("no redirect", format!("{{{pairwise}}}"), BOTH, None),
            ("notified on its host", format!("{{{one},{pairwise},{}}}", notified("A.example")), BOTH, None),
            (
                "notified on another host",
                format!("{{{one},{pairwise},{}}}", notified("b.example")),
                BOTH,
                Some("/sector_identifier_uri"),
            ),
            ("notified on another host, public", format!("{{{one},{}}}", notified("b.example")), BOTH, None),
            (
                "notified there, a sector",
                format!("{{{one},{pairwise},{sector},{}}}", notified("b.example")),
                BOTH,
                None,
            ),
        ];
        for (name, document, offered, expected) in rows {
            assert_eq!(applied(&document, offered).1, Vec::from_iter(expected), "{name}");
        }
        let kept = |offered| applied(&format!("{{{one},{sector}}}"), offered).0.sector_identifier_uri.is_some();
        assert!(kept(BOTH) && !kept(&[Public]));
        assert_eq!(applied(&format!("{{{one}}}"), &[Pairwise]).0.subject_type, Some(Pairwise));
        assert_eq!(applied(&format!("{{{one}}}"), BOTH).0.subject_type, None);
    }

    #[test]
    fn a_decoupled_client_is_known_by_more_than_its_redirect_uris() {
        let rows = [
            ("pairwise", "poll", &["https://a.example/cb", "https://a.example/jwks"][..]),
            ("pairwise", "ping", &["https://a.example/cb", "https://a.example/jwks"]),
            ("pairwise", "push", &["https://a.example/cb", "https://a.example/notify"]),
            ("public", "poll", &["https://a.example/cb"]),
        ];
        for (subject_type, mode, expected) in rows {
            let metadata = ClientMetadata {
                redirect_uris: vec!["https://a.example/cb".to_owned()],
                jwks_uri: Some("https://a.example/jwks".to_owned()),
                backchannel_client_notification_endpoint: Some("https://a.example/notify".to_owned()),
                subject_type: Some(subject_type.into()),
                backchannel_token_delivery_mode: Some(mode.into()),
                ..ClientMetadata::default()
            };
            assert_eq!(Vec::from_iter(uris_of_sector(&metadata)), expected, "{subject_type}, {mode}");
        }
    }
}
