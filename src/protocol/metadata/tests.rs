//! The table of members against the list that was drawn up from the registries and the specifications.

use std::collections::BTreeSet;

use super::extension::Group;
use super::member::SERVER_MEMBERS;
use super::members::MEMBERS;
use super::*;

/// One row of the list.
struct Row<'a> {
    name: &'a str,
    json_type: &'a str,
    default: &'a str,
    localizable: bool,
    source: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let lines = include_str!("../../../tests/data/spec/metadata.tsv").lines().skip(1);
    lines
        .map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let [name, json_type, default, _, _, localizable, source, ..] = columns[..] else { panic!("{line}") };
            Row { name, json_type, default, localizable: localizable == "y", source }
        })
        .collect()
}

/// The group to which the source of a member points.
fn group_of(row: &Row<'_>) -> Group {
    use Extension::*;
    let extensions = [
        ("RFC 8705", MutualTls),
        ("RFC 9101", Jar),
        ("RFC 9126", Par),
        ("RFC 9396", Rar),
        ("RFC 9449", DPoP),
        ("RFC 9701", Introspection),
        ("JARM", Jarm),
        ("OIDC Front-Channel Logout", FrontChannelLogout),
        ("OIDC Back-Channel Logout", BackChannelLogout),
        ("CIBA", Ciba),
        ("OIDC RP Metadata Choices", RpMetadataChoices),
        ("FAPI 2.0 Security Profile", FapiAliases),
        ("FAPI 2.0 Message Signing", FapiResponseModes),
        ("OpenID Federation", Federation),
        ("OpenID4VP", OpenId4Vp),
        ("OpenID4VCI", CredentialOffer),
        ("SIOPv2", SelfIssued),
        ("OpenID Provider Commands", ProviderCommands),
        ("OIDC IDA Attachments", IdentityAssurance),
        ("UMA 2.0", Uma),
        ("ETSI GS NFV-SEC 022", Nfv),
        ("OIDC Token Bound", TokenBinding),
    ];
    match row.name {
        "software_statement" => return Group::Statement,
        "post_logout_redirect_uris" | "backchannel_logout_uri" => return Group::Logout,
        _ => {}
    }
    let extension = extensions.iter().find(|(source, _)| row.source.starts_with(source));
    match (extension, row.source) {
        (Some((_, extension)), _) => Group::Of(*extension),
        (None, source) if source.starts_with("RFC 7591") => Group::Registration,
        (None, source) if source.starts_with("OIDC Reg 2") => Group::OpenId,
        (None, source) => panic!("no group for {source}"),
    }
}

/// The JSON types that a member accepts.
fn json_types(name: &str) -> Vec<&'static str> {
    let values = [
        ("string", r#""a""#),
        ("array of string", r#"["a"]"#),
        ("boolean", "true"),
        ("number", "1"),
        ("object", r#"{"a":1}"#),
    ];
    let takes = |value: &str| Document::read(format!(r#"{{"{name}":{value}}}"#).as_bytes(), KnownMembers::ALL);
    let taken = values.into_iter().filter(|(_, value)| takes(value).unwrap().violations.is_empty());
    taken.map(|(json_type, _)| json_type).collect()
}

#[test]
fn every_member_of_the_list_has_its_row() {
    let metadata = ClientMetadata::default();
    let rows = rows();
    for row in &rows {
        if SERVER_MEMBERS.iter().any(|member| member.name == row.name) {
            continue;
        }
        let (member, field) = metadata.member(row.name).unwrap_or_else(|| panic!("no row for {}", row.name));
        assert_eq!(member.name, row.name);
        assert_eq!(json_types(row.name), [row.json_type], "{}", row.name);
        assert_eq!(field.localizable(), row.localizable, "{}", row.name);
        assert_eq!(member.group, group_of(row), "{}", row.name);
    }
    let listed: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    let known: BTreeSet<_> =
        MEMBERS.iter().map(|member| member.name).chain(SERVER_MEMBERS.iter().map(|member| member.name)).collect();
    assert_eq!(listed, known);
    assert_eq!((rows.len(), MEMBERS.len() + SERVER_MEMBERS.len()), (104, 104));
}

#[test]
fn defaults_are_those_of_the_list() {
    for row in rows() {
        let Some(member) = MEMBERS.iter().find(|member| member.name == row.name) else { continue };
        let bare = |text: &str| text.replace('"', "").trim_start_matches("OP default (").to_owned();
        match member.omitted {
            Omitted::Registered(default) | Omitted::Implied(default) => {
                assert!(bare(row.default).starts_with(&bare(default)), "{}: {default}", row.name);
            }
            Omitted::Nothing => {
                let defaults = ["true", "false", "RS256", "A128", "sha-256", "[", "client_secret"];
                assert!(!defaults.iter().any(|default| row.default.starts_with(default)), "{}", row.name);
            }
            Omitted::Derived(_) => {}
        }
    }
}

#[test]
fn every_extension_has_members_and_switches_them_on_alone() {
    for extension in Extension::ALL {
        let known = KnownMembers { extensions: (*extension).into(), software_statements: false };
        let count =
            MEMBERS.iter().filter(|member| matches!(member.group, Group::Of(_)) && known.contains(member.group));
        assert!(count.count() > 0, "{extension}");
        assert_eq!(extension.name().parse(), Ok(*extension));
    }
    let unknown: Result<Extension, _> = "oauth3".parse();
    assert!(unknown.unwrap_err().to_string().ends_with("token-binding"));
}

#[test]
fn a_choice_is_about_a_member_of_its_own_kind() {
    for member in MEMBERS {
        let ValueKind::Choices(target) = member.kind else { continue };
        let target = MEMBERS.iter().find(|row| row.name == target).unwrap();
        let fits = match member.name {
            name if name.ends_with("_alg_values_supported") || name.ends_with("_enc_values_supported") => matches!(
                target.kind,
                ValueKind::Signing
                    | ValueKind::AssertionSigning
                    | ValueKind::OwnSigning
                    | ValueKind::KeyManagement
                    | ValueKind::RequestKeyManagement
                    | ValueKind::ContentEncryption
            ),
            _ => target.kind == ValueKind::Plain,
        };
        assert!(fits, "{}", member.name);
    }
}

#[test]
fn members_of_an_extension_that_is_off_are_unknown() {
    let body = br#"{"dpop_bound_access_tokens":"yes","keywords#de":1,"software_statement":7,"client_name":"a"}"#;
    let mut off = Document::read(body, KnownMembers::default()).unwrap();
    assert!(off.violations.is_empty());
    assert_eq!(off.metadata.extra.names().collect::<Vec<_>>(), ["dpop_bound_access_tokens", "software_statement"]);
    off.metadata.extra = Extra::default();
    assert_eq!(off.metadata, ClientMetadata { client_name: "a".into(), ..ClientMetadata::default() });
    let on = Document::read(body, KnownMembers::ALL).unwrap();
    let pointers: Vec<_> = on.violations.iter().map(|violation| violation.pointer().to_owned()).collect();
    assert_eq!(pointers, ["/dpop_bound_access_tokens", "/software_statement"]);
}

#[test]
fn debug_output_shows_no_value_that_can_be_a_credential() {
    let metadata = ClientMetadata::from_json(
        br#"{"client_name":"shown","software_statement":"hidden.from.logs","jwks":{"keys":[{"d":"hidden from logs"}]},
             "password":"hidden from logs"}"#,
    );
    let expected =
        r#"ClientMetadata { client_name: {"": "shown"}, jwks: .., software_statement: .., extra: {"password"} }"#;
    assert_eq!(format!("{:?}", metadata.unwrap()), expected);
}

/// Every kind whose values are URIs.
fn is_uri(kind: ValueKind) -> bool {
    match kind {
        ValueKind::RedirectUris | ValueKind::ReturnUris | ValueKind::ReturnUri | ValueKind::ComparedUri => true,
        ValueKind::ShownUri
        | ValueKind::FramedUri
        | ValueKind::FetchedUri
        | ValueKind::FetchedUris(_)
        | ValueKind::CalledUri => true,
        ValueKind::Plain
        | ValueKind::Names(_)
        | ValueKind::Listed
        | ValueKind::Text(_)
        | ValueKind::Texts { .. }
        | ValueKind::Token => false,
        ValueKind::Tokens(_)
        | ValueKind::Scope
        | ValueKind::Jwks
        | ValueKind::Signing
        | ValueKind::AssertionSigning => false,
        ValueKind::OwnSigning
        | ValueKind::KeyManagement
        | ValueKind::RequestKeyManagement
        | ValueKind::ContentEncryption => false,
        ValueKind::ContentEncryptions(_)
        | ValueKind::Choices(_)
        | ValueKind::DistinguishedName
        | ValueKind::HostName => false,
        ValueKind::IpAddress | ValueKind::EmailAddress | ValueKind::Formats | ValueKind::Statement => false,
    }
}

#[test]
fn every_member_with_uris_has_a_destination() {
    for member in MEMBERS {
        let named_so = ["_uri", "_uris", "_endpoint"].iter().any(|end| member.name.ends_with(end));
        assert_eq!(is_uri(member.kind), named_so, "{}: form", member.name);
        let compared = member.kind == ValueKind::ComparedUri;
        assert_eq!(member.leads != Leads::Nowhere, named_so && !compared, "{}: leads", member.name);
        assert_eq!(member.leads == Leads::Pages, member.kind == ValueKind::ShownUri, "{}: pages", member.name);
    }
}

#[test]
fn the_members_that_receive_data_about_a_user_are_listed() {
    let delivering = MEMBERS.iter().filter(|member| member.leads.delivers()).map(|member| member.name);
    let expected = [
        "redirect_uris",
        "initiate_login_uri",
        "post_logout_redirect_uris",
        "backchannel_logout_uri",
        "frontchannel_logout_uri",
        "backchannel_client_notification_endpoint",
        "credential_offer_endpoint",
        "command_endpoint",
        "claims_redirect_uris",
    ];
    assert_eq!(Vec::from_iter(delivering), expected);
}
