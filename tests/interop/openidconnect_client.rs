//! Third-party clients against a real server: if they cannot read our answers, the answers are wrong.

use openidconnect::core::{CoreApplicationType, CoreClientAuthMethod, CoreClientRegistrationRequest, CoreGrantType};
use openidconnect::registration::{ClientRegistrationError, EmptyAdditionalClientMetadata};
use openidconnect::{
    AccessToken, ClientContactEmail, ClientName, LanguageTag, LocalizedClaim, RedirectUrl, RegistrationUrl,
    ResponseTypes, reqwest,
};
use tokio::net::TcpListener;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry};

const TOKEN: &str = "an-initial-access-token-for-tests";

/// Serves on a free port of loopback and gives the registry and the registration endpoint.
async fn serve(access: Access) -> (Registry, RegistrationUrl) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let takes_tokens = matches!(access, Access::Tokens);
    let builder = Registry::builder(base, access);
    let builder = if takes_tokens { builder.with_initial_access_token(TOKEN) } else { builder };
    let registry = builder.build(MemoryStore::new()).unwrap();
    let application = axum::Router::new().layer(RegistrationLayer::new(registry.clone()));
    tokio::spawn(async move { axum::serve(listener, application).await });
    let endpoint = registry.registration_endpoint().unwrap().to_owned();
    (registry, RegistrationUrl::new(endpoint).unwrap())
}

pub(crate) fn request(redirect_uri: &str) -> CoreClientRegistrationRequest {
    let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).unwrap();
    CoreClientRegistrationRequest::new(vec![redirect_uri], EmptyAdditionalClientMetadata::default())
}

pub(crate) fn http_client() -> reqwest::Client {
    reqwest::ClientBuilder::new().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test]
async fn the_openidconnect_crate_registers_a_confidential_client() {
    let (registry, endpoint) = serve(Access::Open).await;
    let mut names = LocalizedClaim::new();
    names.insert(None, ClientName::new("Relying Party".to_owned()));
    names.insert(Some(LanguageTag::new("fr".to_owned())), ClientName::new("Partie".to_owned()));
    let response = request("https://rp.example.com/cb")
        .set_client_name(Some(names))
        .set_contacts(Some(vec![ClientContactEmail::new("ops@example.com".to_owned())]))
        .set_response_types(Some(vec![ResponseTypes::new(vec![openidconnect::core::CoreResponseType::Code])]))
        .register_async(&endpoint, &http_client())
        .await
        .unwrap();

    let id = response.client_id().as_str();
    let client = registry.client(id).await.unwrap().expect("registered");
    let secret = response.client_secret().expect("a confidential client");
    assert!(client.verify_secret(secret.secret(), registry.now()));
    assert_eq!(response.token_endpoint_auth_method(), Some(&CoreClientAuthMethod::ClientSecretBasic));
    assert_eq!(response.grant_types(), Some(&vec![CoreGrantType::AuthorizationCode]));
    assert_eq!(response.application_type(), Some(&CoreApplicationType::Web));
    assert_eq!(response.redirect_uris()[0].as_str(), "https://rp.example.com/cb");
    let french = response.client_name().and_then(|names| names.get(Some(&LanguageTag::new("fr".to_owned()))));
    assert_eq!(french.map(|name| name.as_str()), Some("Partie"));

    let uri = response.registration_client_uri().unwrap().url().clone();
    let token = response.registration_access_token().unwrap().secret();
    let read = http_client().get(uri).bearer_auth(token).send().await.unwrap();
    assert_eq!(read.status().as_u16(), 200);
}

#[tokio::test]
async fn the_openidconnect_crate_registers_a_native_public_client() {
    let (_registry, endpoint) = serve(Access::Open).await;
    let response = request("http://127.0.0.1:8181/cb")
        .set_application_type(Some(CoreApplicationType::Native))
        .set_token_endpoint_auth_method(Some(CoreClientAuthMethod::None))
        .register_async(&endpoint, &http_client())
        .await
        .unwrap();
    assert!(response.client_secret().is_none());
    assert_eq!(response.application_type(), Some(&CoreApplicationType::Native));
}

#[tokio::test]
async fn the_openidconnect_crate_presents_an_initial_access_token() {
    let (registry, endpoint) = serve(Access::Tokens).await;
    let token = Some(AccessToken::new(TOKEN.to_owned()));
    let request = request("https://rp.example.com/cb").set_initial_access_token(token);
    request.register_async(&endpoint, &http_client()).await.unwrap();
    assert_eq!(registry.count().await.unwrap(), 1);
}

#[tokio::test]
async fn the_openidconnect_crate_understands_a_refusal() {
    let (registry, endpoint) = serve(Access::Open).await;
    let error = request("http://rp.example.com/cb").register_async(&endpoint, &http_client()).await.unwrap_err();
    let ClientRegistrationError::ServerResponse(response) = error else { panic!("not understood: {error:?}") };
    assert_eq!(response.error().to_string(), "invalid_redirect_uri");
    assert_eq!(registry.count().await.unwrap(), 0);
}
