//! The default policy: what may be registered, and what an accepted document becomes.
//!
//! [`settle`] is the one door. A new registration, an update and the application's own calls all pass through it, so
//! nothing can be reached by an update that a registration refuses. First every value is checked by the form that the
//! table of members gives it, then the rules that look at several members follow. All violations are collected.

mod algorithms;
mod constraints;
pub(crate) mod extra;
mod grants;
pub(crate) mod jwks;
pub(crate) mod redirect_uri;
mod text;
pub(crate) mod uri;

use crate::access::Constraints;
use crate::error::{ErrorCode, Violation, Violations};
use crate::metadata::{
    ApplicationType, ClientMetadata, Field, Form, GrantType, Member, SubjectType, Text, TokenEndpointAuthMethod,
    is_language_tag, pointer,
};

/// A rule that a value breaks: its stable identifier and an explanation that never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: &'static str,
    pub(crate) detail: &'static str,
}

impl Fault {
    pub(crate) const fn new(rule: &'static str, detail: &'static str) -> Self {
        Self { rule, detail }
    }
}

/// What the server offers to its clients.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) grant_types: Vec<GrantType>,
    pub(crate) auth_methods: Vec<TokenEndpointAuthMethod>,
    /// Whether asking for a grant or response type that is not offered is refused; otherwise it is left out.
    pub(crate) refuse_unoffered: bool,
    /// Members beyond the standards that are kept.
    pub(crate) extra_members: Vec<extra::ExtraMember>,
}

/// Checks a document as a whole and gives what is registered: defaults applied, values that are not offered left out.
pub(crate) fn settle(
    mut metadata: ClientMetadata,
    mut violations: Violations,
    offer: &Offer,
) -> Result<ClientMetadata, Violations> {
    for (member, field) in metadata.members() {
        check_member(member, field, &mut violations);
    }
    grants::settle(&mut metadata, offer, &mut violations);
    check_implicit_redirects(&metadata, &mut violations);
    check_keys(&metadata, offer, &mut violations);
    algorithms::settle(&mut metadata, &mut violations);
    settle_application_type(&mut metadata);
    settle_subject(&mut metadata, &mut violations);
    extra::settle(&mut metadata.extra, &offer.extra_members, &mut violations);
    match violations.is_empty() {
        true => Ok(metadata),
        false => Err(violations),
    }
}

/// As [`settle`], within the limits that the client keeps from its initial access token.
pub(crate) fn settle_within(
    constraints: &Constraints,
    mut metadata: ClientMetadata,
    mut violations: Violations,
    offer: &Offer,
) -> Result<ClientMetadata, Violations> {
    constraints::check(&mut metadata, constraints, offer, &mut violations);
    let mut settled = settle(metadata, violations, &constraints::narrow(offer, constraints))?;
    constraints::limit_scope(&mut settled, constraints);
    Ok(settled)
}

/// Checks one member by its form. Where there are too many values, they are not looked at one by one.
fn check_member(member: &Member, field: &dyn Field, violations: &mut Violations) {
    let mut texts = Vec::new();
    field.texts(&mut |text| texts.push(text));
    let most = most_values(member.form);
    if texts.iter().filter(|text| text.index.is_some()).count() > most {
        let detail = format!("more than {most} values");
        return violations.push(Violation::new(member.error_code(), pointer(member.name, None, None), "M7", detail));
    }
    for text in texts {
        let Err(fault) = check_text(member.form, text) else { continue };
        let pointer = pointer(member.name, text.tag, text.index);
        violations.push(Violation::new(member.error_code(), pointer, fault.rule, fault.detail));
    }
}

fn most_values(form: Form) -> usize {
    match form {
        Form::Names(most) | Form::Texts { most, .. } | Form::FetchedUris(most) => most,
        Form::RedirectUris | Form::LogoutRedirectUris => 32,
        _ => usize::MAX,
    }
}

fn check_text(form: Form, text: Text<'_>) -> Result<(), Fault> {
    if text.tag.is_some_and(|tag| !is_language_tag(tag)) {
        return Err(Fault::new("M9", "the language tag is not well-formed (RFC 5646)"));
    }
    match form {
        Form::RedirectUris | Form::LogoutRedirectUris => redirect_uri::check(text.value).map(|_| ()),
        Form::ShownUri => uri::check_shown(text.value),
        Form::FetchedUri | Form::FetchedUris(_) => uri::check_fetched(text.value),
        Form::Text(most) | Form::Texts { each: most, .. } => text::check(text.value, most),
        Form::Scope => text::check_scope(text.value),
        Form::Listed if !text.listed => Err(Fault::new("M15", "the value is not one that this server supports")),
        Form::Plain | Form::Names(_) | Form::Listed | Form::Jwks => Ok(()),
    }
}

fn refuse(violations: &mut Violations, member: &str, rule: &'static str, detail: &'static str) {
    violations.push(Violation::new(ErrorCode::InvalidClientMetadata, pointer(member, None, None), rule, detail));
}

/// With the implicit grant tokens arrive at the redirection URI itself, so a web client needs one that nobody else can
/// read ([OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)).
fn check_implicit_redirects(metadata: &ClientMetadata, violations: &mut Violations) {
    let native = metadata.application_type == Some(ApplicationType::Native);
    if native || !metadata.grant_types.contains(&GrantType::Implicit) || violations.concern("redirect_uris") {
        return;
    }
    for (index, uri) in metadata.redirect_uris.iter().enumerate() {
        let Err(fault) = redirect_uri::check_for_implicit(uri) else { continue };
        let pointer = pointer("redirect_uris", None, Some(index));
        violations.push(Violation::new(ErrorCode::InvalidRedirectUri, pointer, fault.rule, fault.detail));
    }
}

/// The client's keys, and the authentication method that rests on them
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
fn check_keys(metadata: &ClientMetadata, offer: &Offer, violations: &mut Violations) {
    if metadata.jwks.is_some() && metadata.jwks_uri.is_some() {
        refuse(violations, "jwks", "M14", "jwks and jwks_uri exclude each other");
    }
    for (below, fault) in metadata.jwks.iter().flat_map(|jwks| jwks::check(&jwks.0)) {
        violations.push(Violation::new(
            ErrorCode::InvalidClientMetadata,
            format!("/jwks{below}"),
            fault.rule,
            fault.detail,
        ));
    }
    let Some(method) = &metadata.token_endpoint_auth_method else { return };
    if !offer.auth_methods.contains(method) {
        return refuse(violations, "token_endpoint_auth_method", "M11", "this authentication method is not offered");
    }
    if *method != TokenEndpointAuthMethod::PrivateKeyJwt || violations.concern("jwks") || violations.concern("jwks_uri")
    {
        return;
    }
    let algorithm = metadata.token_endpoint_auth_signing_alg.as_ref().map(|algorithm| algorithm.as_str());
    let usable = metadata.jwks.as_ref().map_or(metadata.jwks_uri.is_some(), |jwks| jwks::can_sign(&jwks.0, algorithm));
    if !usable {
        let detail = "private_key_jwt needs jwks_uri, or jwks with a key for the signing algorithm";
        refuse(violations, "token_endpoint_auth_method", "M11", detail);
    }
}

/// The type is a hint: a client with a private-use scheme or an `http` loopback URI runs on the user's device, whatever
/// it says ([RFC 8252 §7](https://www.rfc-editor.org/rfc/rfc8252#section-7)).
fn settle_application_type(metadata: &mut ClientMetadata) {
    let native = metadata.redirect_uris.iter().any(|uri| {
        matches!(redirect_uri::check(uri), Ok(redirect_uri::Kind::PrivateUse | redirect_uri::Kind::LoopbackHttp))
    });
    if native {
        metadata.application_type = Some(ApplicationType::Native);
    }
    metadata.application_type.get_or_insert(ApplicationType::Web);
}

/// Pairwise identifiers are not offered, so a sector would not be used and is not kept.
fn settle_subject(metadata: &mut ClientMetadata, violations: &mut Violations) {
    if metadata.subject_type.as_ref().is_some_and(|subject_type| *subject_type != SubjectType::Public) {
        refuse(violations, "subject_type", "M16", "only the subject type public is offered");
    }
    metadata.sector_identifier_uri = None;
}
