use proptest::prelude::*;

use super::*;

/// Reasons of the corpus and the rules that give them.
const REASONS: &[(&str, &[&str])] = &[
    ("not-absolute", &["R1", "R6"]),
    ("too-long", &["R2"]),
    ("bad-char", &["R3", "R14", "R20"]),
    ("bad-percent", &["R4"]),
    ("encoded-control", &["R5"]),
    ("fragment", &["R7"]),
    ("wildcard", &["R8"]),
    ("blocked-scheme", &["R9"]),
    ("bad-scheme", &["R10"]),
    ("empty-target", &["R12"]),
    ("userinfo", &["R13", "R16"]),
    ("bad-host", &["R13", "R17"]),
    ("bad-port", &["R13", "R18"]),
    ("bad-authority", &["R15"]),
    ("http-non-loopback", &["R19"]),
    ("dot-segment", &["R14", "R21"]),
    ("response-param", &["R14", "R22"]),
];

/// Decodes the escapes of the corpus.
fn decode(text: &str) -> String {
    let mut pieces = text.split('\\');
    let mut decoded = pieces.next().unwrap().to_owned();
    while let Some(piece) = pieces.next() {
        let (character, rest) = match piece.chars().next() {
            None => ('\\', pieces.next().unwrap()),
            Some('t') => ('\t', &piece[1..]),
            Some('n') => ('\n', &piece[1..]),
            Some('r') => ('\r', &piece[1..]),
            Some(_) => {
                let (digits, rest) = piece[2..].split_once('}').unwrap();
                (char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap(), rest)
            }
        };
        decoded.push(character);
        decoded.push_str(rest);
    }
    decoded
}

#[test]
fn every_word_of_the_list_is_a_scheme_in_lower_case() {
    let mut words = Vec::from_iter(blocked_schemes::BLOCKED_SCHEMES.split(' '));
    for word in &words {
        assert!(check(&format!("{word}:/cb")).is_err_and(|fault| fault.rule == "R9"), "{word}");
        assert_eq!(*word, word.to_ascii_lowercase(), "{word}");
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 202);
}

fn kind_of(uri: &str) -> Kind {
    match uri.split_once(':').unwrap().0.to_ascii_lowercase().as_str() {
        "https" => Kind::Https,
        "http" => Kind::LoopbackHttp,
        _ => Kind::PrivateUse,
    }
}

#[test]
fn every_row_of_the_corpus_gets_its_verdict_for_its_reason() {
    let rows = include_str!("../../../../tests/data/corpus/redirect_uris.tsv").lines().skip(1);
    for row in rows.clone() {
        let columns: Vec<_> = row.split('\t').collect();
        let (uri, verdict, reason) = (decode(columns[0]), columns[2], columns[3]);
        if verdict == "accept" {
            assert_eq!(check(&uri), Ok(kind_of(&uri)), "{uri}");
            continue;
        }
        let (_, rules) = REASONS.iter().find(|(known, _)| *known == reason).unwrap();
        let fault = check(&uri).expect_err(&uri);
        assert!(rules.contains(&fault.rule), "{uri}: {fault:?}");
    }
    assert_eq!(rows.count(), 171);
}

#[test]
fn every_rule_stands_at_its_boundary() {
    let cases = [
        ("octets", "https://h/".to_owned() + &"a".repeat(2038), None),
        ("one octet more", "https://h/".to_owned() + &"a".repeat(2039), Some("R2")),
        ("first percent is bad", "https://h/%%41".into(), Some("R4")),
        ("cut escape", "https://h/%4".into(), Some("R4")),
        ("signed escape", "https://h/%+1".into(), Some("R4")),
        ("percent before control", "https://h/%00%zz".into(), Some("R4")),
        ("delete", "https://h/%7f".into(), Some("R5")),
        ("encoded space", "https://h/%20".into(), None),
        ("encoded non-ASCII", "https://h/%80".into(), None),
        ("no scheme", ":x".into(), Some("R6")),
        ("scheme with underscore", "my_app:/cb".into(), Some("R6")),
        ("blocked whatever the case", "VIEW-Source:x".into(), Some("R9")),
        ("blocked is no prefix", "data2:/x".into(), None),
        ("blocked is no suffix", "mydata:/x".into(), None),
        ("begins like a system scheme", "MS-Msdt:/id".into(), Some("R9")),
        ("begins nearly so", "msdt:/id".into(), None),
        ("begins like a store", "itmss://h".into(), Some("R9")),
        ("begins like a setting", "x-apple-helpbasic:/x".into(), Some("R9")),
        ("begins like a page of a browser", "Chrome-Untrusted://h".into(), Some("R9")),
        ("a browser and a digit", "microsoft-edge9:/x".into(), Some("R9")),
        ("ends like an extension", "safari-web-Extension://h".into(), Some("R9")),
        ("ends nearly so", "my-extensions:/x".into(), None),
        ("a domain name that ends so", "com.example.my-extension:/x".into(), None),
        ("one letter", "a:b".into(), Some("R10")),
        ("two letters", "ab:b".into(), None),
        ("port and path", "ab:12345/x".into(), Some("R10")),
        ("port and query", "ab:1?x".into(), Some("R10")),
        ("port too long", "ab:123456".into(), None),
        ("port in the path", "ab:/80".into(), None),
        ("digits and letter", "ab:80x".into(), None),
        ("query only", "ab:?x=1".into(), Some("R12")),
        ("two slashes and a query", "ab://?x=1".into(), None),
        ("private userinfo", "ab://u@/".into(), Some("R13")),
        ("private userinfo after port", "ab://h:80@h/".into(), Some("R13")),
        ("at sign in the path", "ab:/u@h".into(), None),
        ("private IPv6", "ab://[::1]:80/".into(), None),
        ("private bracket", "ab://a[::1]/".into(), Some("R13")),
        ("private open bracket", "ab://[::1".into(), Some("R13")),
        ("private stray bracket", "ab://[::1]x".into(), Some("R13")),
        ("private IPv6 zone", "ab://[fe80::1%25eth0]".into(), Some("R13")),
        ("private empty port", "ab://h:/".into(), Some("R13")),
        ("private port without host", "ab://:80/".into(), None),
        ("private free host", "ab://a_b..c%41/".into(), None),
        ("private bracket in the path", "ab:/[x]".into(), Some("R14")),
        ("private dots", "ab:..".into(), Some("R14")),
        ("private response parameter", "ab:/?iss".into(), Some("R14")),
        ("userinfo before empty host", "https://@/".into(), Some("R16")),
        ("loopback with another port", "http://127.0.0.1:0/".into(), Some("R18")),
        ("loopback is one host", "http://localhost.example/".into(), Some("R19")),
        ("below localhost", "http://a.b.LocalHost:1/".into(), None),
        ("below localhost with an underscore", "http://my_app.localhost/".into(), None),
        ("localhost with a dot", "http://localhost./".into(), Some("R17")),
        ("nearly below localhost", "http://alocalhost/".into(), Some("R19")),
        ("below the loopback address", "http://app.127.0.0.1/".into(), Some("R17")),
        ("long loopback", "http://[0:0:0:0:0:0:0:1]/".into(), Some("R19")),
        ("bracket in the query", "https://h/?a[]=1".into(), Some("R20")),
        ("encoded bracket", "https://h/?a%5B%5D=1".into(), None),
        ("one dot", "https://h/.".into(), Some("R21")),
        ("half encoded dots", "https://h/.%2E/x".into(), Some("R21")),
        ("dots with parameter", "https://h/%2E%2e;x/y".into(), Some("R21")),
        ("three dots", "https://h/.../..a".into(), None),
        ("dots in the query", "https://h/?/../".into(), None),
        ("encoded name", "https://h/?c%6fde=1".into(), Some("R22")),
        ("name without value", "https://h/?a&session_state".into(), Some("R22")),
        ("name of another case", "https://h/?Code=1".into(), None),
        ("name in a value", "https://h/?a=code".into(), None),
        ("name encoded twice", "https://h/?c%256fde=1".into(), None),
        ("second question mark", "https://h/??code=1".into(), None),
    ];
    for (name, uri, rule) in cases {
        assert_eq!(check(&uri).err().map(|fault| fault.rule), rule, "{name}");
    }
}

#[test]
fn implicit_needs_https_and_a_host_other_than_localhost() {
    let cases = [
        ("https://app.example.com/cb", true),
        ("https://localhost.example/cb", true),
        ("https://LocalHost:8443/cb", false),
        ("http://127.0.0.1/cb", false),
        ("com.example.app:/cb", false),
    ];
    for (uri, allowed) in cases {
        assert_eq!(check_for_implicit(uri).is_ok(), allowed, "{uri}");
    }
}

#[test]
fn only_the_port_of_an_http_loopback_uri_is_free() {
    let cases = [
        ("same", "https://h/cb?a=1", "https://h/cb?a=1", true),
        ("same private-use", "ab:/cb", "ab:/cb", true),
        ("another port", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", true),
        ("port added", "http://[::1]/cb", "http://[::1]:5173/cb", true),
        ("port removed", "http://localhost:80/cb", "http://localhost/cb", true),
        ("registered in capitals", "http://LOCALHOST/cb", "http://LOCALHOST:3000/cb", true),
        ("no path", "http://127.0.0.1:1", "http://127.0.0.1:2", true),
        ("same below localhost", "http://app.localhost:1/cb", "http://app.localhost:1/cb", true),
        ("another port below localhost", "http://app.localhost:1/cb", "http://app.localhost:2/cb", false),
        ("port added below localhost", "http://app.localhost/cb", "http://app.localhost:2/cb", false),
        ("name added below localhost", "http://localhost/cb", "http://app.localhost:1/cb", false),
        ("host of another case", "http://LOCALHOST/cb", "http://localhost:3000/cb", false),
        ("scheme of another case", "http://localhost/cb", "HTTP://localhost:1/cb", false),
        ("another loopback host", "http://localhost/cb", "http://127.0.0.1/cb", false),
        ("another path", "http://localhost/cb", "http://localhost:1/cb/", false),
        ("path added", "http://localhost", "http://localhost:1/", false),
        ("query added", "http://localhost/cb", "http://localhost:1/cb?", false),
        ("another query", "http://localhost/?a=1", "http://localhost:1/?a=2", false),
        ("https port", "https://localhost/cb", "https://localhost:8443/cb", false),
        ("https default port", "https://h/cb", "https://h:443/cb", false),
        ("private-use port", "ab://localhost/cb", "ab://localhost:1/cb", false),
        ("another scheme", "http://localhost/cb", "https://localhost/cb", false),
        ("empty port", "http://localhost/cb", "http://localhost:/cb", false),
        ("port 0", "http://localhost/cb", "http://localhost:0/cb", false),
        ("port with a zero", "http://localhost/cb", "http://localhost:080/cb", false),
        ("port too high", "http://localhost/cb", "http://localhost:65536/cb", false),
        ("userinfo", "http://localhost/cb", "http://localhost:1@evil.example/cb", false),
        ("userinfo before", "http://localhost/cb", "http://evil@localhost/cb", false),
        ("fragment", "http://localhost/cb", "http://localhost:1/cb#", false),
        ("longer host", "http://localhost/cb", "http://localhost.evil.example/cb", false),
        ("control character", "http://localhost/cb", "http://localhost:1\n/cb", false),
        ("backslash", "http://localhost/cb", "http://localhost:1\\@evil.example/cb", false),
    ];
    for (name, registered, requested, expected) in cases {
        assert_eq!(matches(registered, requested), expected, "{name}");
    }
}

/// Strings of which about half are accepted.
const CANDIDATES: &str = concat!(
    "((https|http|HTTPS)://|(cursor|a\\.b):(//)?)",
    "(localhost|127\\.0\\.0\\.1|\\[::1\\]|\\[[0-9a-f:.]{2,12}\\]|xn--bcher-kva\\.example|xn--[a-z0-9-]{1,5}|[a-zA-Z0-9._-]{1,9}|[0-9.x]{1,9})",
    "(:[0-9]{0,5})?([/?]([a-zA-Z0-9._~!$&'()+,;=:@/?-]|%2[0-9a-fA-F]){0,16})?",
);

proptest! {
    #[test]
    fn accepted_uris_mean_the_same_to_other_parsers(uri in CANDIDATES) {
        let Ok(kind) = check(&uri) else {
            return Ok(());
        };
        prop_assert!(fluent_uri::Uri::parse(uri.as_str()).is_ok());
        if kind == Kind::PrivateUse {
            return Ok(());
        }
        let parsed = url::Url::parse(&uri).unwrap();
        let parts = Parts::read(&uri).unwrap();
        let server = parts.server().unwrap();
        prop_assert!(parts.has_scheme(parsed.scheme()));
        prop_assert_eq!(parsed.host_str().map(canonical), Some(canonical(server.host)));
        let authority = parts.authority.unwrap();
        let port = authority[server.host.len()..].strip_prefix(':').map(|port| port.parse().unwrap());
        let default = if kind == Kind::Https { 443 } else { 80 };
        prop_assert_eq!(parsed.port_or_known_default(), port.or(Some(default)));
    }
}

fn canonical(host: &str) -> String {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let ip = literal.and_then(|literal| literal.parse::<std::net::Ipv6Addr>().ok());
    ip.map_or_else(|| host.to_ascii_lowercase(), |ip| ip.to_string())
}
