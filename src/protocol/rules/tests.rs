//! The tables of `docs/policy.md`, which are written from the tables in the code.

use std::fmt::Write as _;
use std::{env, fs};

use super::*;
use crate::protocol::Profile;
use crate::protocol::metadata::{Extension, Group, KnownMembers, Leads, Member, Omitted, ValueKind};

fn members() -> String {
    let mut table =
        "| member | type | form | leads | when it is left out | extension |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for (member, field) in ClientMetadata::default().members() {
        let name = member.name;
        let tagged = if field.localizable() { format!(", `{name}#tag`") } else { String::new() };
        let (kind, leads) = (form(member.kind), leads(member.leads));
        let (json_type, omitted, group) = (json_type(member), omitted(member.omitted), group(member.group));
        writeln!(table, "| `{name}`{tagged} | {json_type} | {kind} | {leads} | {omitted} | {group} |").unwrap();
    }
    table
}

/// The JSON type of a member, found by the values that it accepts.
fn json_type(member: &Member) -> &'static str {
    let types = [("string", r#""a""#), ("array", "[]"), ("boolean", "true"), ("number", "1"), ("object", "{}")];
    let takes = |value: &str| {
        let mut metadata = ClientMetadata::default();
        let (_, field) = metadata.member_mut(member.name).unwrap();
        field.put(None, serde_json::from_str(value).unwrap()).is_ok()
    };
    types.into_iter().find(|(_, value)| takes(value)).unwrap().0
}

fn form(kind: ValueKind) -> String {
    let text = match kind {
        ValueKind::Plain => "",
        ValueKind::Listed => "a listed value",
        ValueKind::Names(max) => return format!("up to {max} (M12)"),
        ValueKind::Text(max) => return format!("up to {max} characters (M8)"),
        ValueKind::Texts { max, each } => return format!("up to {max} of up to {each} characters (M8)"),
        ValueKind::Token => "a token",
        ValueKind::Tokens(max) => return format!("up to {max} tokens"),
        ValueKind::Scope => "M10",
        ValueKind::RedirectUris | ValueKind::ReturnUris | ValueKind::ReturnUri => "R1 to R22",
        ValueKind::ShownUri => "M17",
        ValueKind::FramedUri => "M17, no fragment",
        ValueKind::FetchedUri => "M18",
        ValueKind::FetchedUris(max) => return format!("up to {max}, M18"),
        ValueKind::CalledUri => "M18, no fragment",
        ValueKind::Jwks => "M14",
        ValueKind::Signing
        | ValueKind::AssertionSigning
        | ValueKind::RequestKeyManagement
        | ValueKind::ContentEncryption => "M15",
        ValueKind::OwnSigning | ValueKind::KeyManagement => "M15, with a key of the client",
        ValueKind::ContentEncryptions(max) => return format!("up to {max}, M15"),
        ValueKind::Choices(target) => return format!("values of `{target}` (X6)"),
        ValueKind::DistinguishedName => "a distinguished name (X1)",
        ValueKind::HostName => "a DNS name (X1)",
        ValueKind::ComparedUri => "a URI (X1)",
        ValueKind::IpAddress => "an IP address (X1)",
        ValueKind::EmailAddress => "an e-mail address (X1)",
        ValueKind::Formats => "objects (X7)",
        ValueKind::Statement => "M19",
    };
    text.to_owned()
}

fn leads(leads: Leads) -> &'static str {
    match leads {
        Leads::Nowhere => "",
        Leads::Responses => "browsers, with responses (C1, P1)",
        Leads::Browsers => "browsers (C1, P1)",
        Leads::Notifications | Leads::Messages => "messages of the server (C1, P1)",
        Leads::Keys | Leads::Documents => "the server, to read",
        Leads::Pages => "people, to see",
    }
}

fn omitted(omitted: Omitted) -> String {
    match omitted {
        Omitted::Nothing => String::new(),
        Omitted::Registered(default) => format!("`{default}` is registered"),
        Omitted::Derived(what) => what.to_owned(),
        Omitted::Implied(default) => format!("means `{default}`"),
    }
}

fn group(group: Group) -> String {
    match group {
        Group::Of(extension) => format!("`{extension}`"),
        Group::Statement => "statements".to_owned(),
        Group::Registration | Group::OpenId | Group::Logout => String::new(),
    }
}

fn extensions() -> String {
    let mut table = "| extension | standard | supported with it by default |\n| --- | --- | --- |\n".to_owned();
    for extension in Extension::ALL {
        let methods = extension.auth_methods().iter().map(|method| format!("`{method}`"));
        let grants = extension.grant_types().iter().map(|grant| format!("`{grant}`"));
        let responses = extension.response_types().iter().map(|response| format!("`{response}`"));
        let offered = Vec::from_iter(methods.chain(grants).chain(responses)).join(", ");
        let (title, source) = (extension.title(), extension.source());
        writeln!(table, "| `{extension}` | [{title}]({source}) | {offered} |").unwrap();
    }
    table
}

fn switches() -> String {
    let mut table = "| switch | what it does when it is on | oauth | oidc | mcp | fapi2 | source |\n".to_owned();
    table.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for switch in Switch::ALL {
        let (what, title, source) = switch.description();
        let on = Profile::ALL.iter().map(|profile| if switch.is_on_in(*profile) { "on" } else { "off" });
        let on = Vec::from_iter(on).join(" | ");
        writeln!(table, "| `{switch}` | {what} | {on} | [{title}]({source}) |").unwrap();
    }
    table
}

/// Replaces what stands between the marks of a table.
fn replace(document: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no mark for {name}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no end of {name}"));
    format!("{before}{begin}\n{table}\n{end}{after}")
}

#[test]
fn the_tables_of_the_policy_are_those_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.md");
    let document = fs::read_to_string(path).unwrap();
    let tables = [("members", members()), ("extensions", extensions()), ("switches", switches())];
    let written = tables.iter().fold(document.clone(), |document, (name, table)| replace(&document, name, table));
    if env::var_os("WRITE_POLICY").is_some() {
        fs::write(path, &written).unwrap();
    } else {
        assert!(document == written, "docs/policy.md is out of date: run the test with WRITE_POLICY=1");
    }
}

#[test]
fn switches_and_profiles_are_found_by_their_names() {
    for switch in Switch::ALL {
        assert_eq!(switch.name().parse(), Ok(*switch));
    }
    for profile in Profile::ALL {
        assert_eq!(profile.name().parse(), Ok(*profile));
    }
    assert!("strict".parse::<Switch>().is_err() && "OIDC".parse::<Profile>().is_err());
}

#[test]
fn every_default_passes_its_own_check() {
    for (member, _) in ClientMetadata::default().members() {
        let (Omitted::Registered(default) | Omitted::Implied(default)) = member.omitted else { continue };
        let document = format!(
            r#"{{"redirect_uris":["https://a.example/cb"],"jwks_uri":"https://a.example/jwks","{}":{default}}}"#,
            member.name
        );
        let supported = Supported::with_switches(&[]);
        let metadata = ClientMetadata::from_json(document.as_bytes()).unwrap();
        let applied = apply(metadata, Violations::default(), &supported);
        let refused = applied.map_err(|violations| violations.iter().next().map(ToString::to_string));
        assert!(refused.is_ok(), "{}: {refused:?}", member.name);
    }
    assert_eq!(Supported::with_switches(&[]).known_members().extensions, KnownMembers::ALL.extensions);
}
