use super::*;

fn rule(verdict: Result<(), Fault>) -> Option<&'static str> {
    verdict.err().map(|fault| fault.rule)
}

fn server_fault(authority: &str) -> Option<&'static str> {
    let uri = format!("https://{authority}/cb");
    rule(Parts::read(&uri).and_then(|parts| parts.server().map(|_| ())))
}

#[test]
fn hosts_and_ports_stand_at_their_boundaries() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", &label[..61]);
    let cases = [
        ("label of 63", label.clone(), None),
        ("label of 64", label.clone() + "a", Some("R17")),
        ("host of 253", longest.clone(), None),
        ("host of 254", longest + "a", Some("R17")),
        ("leading hyphen", "-a.example".into(), Some("R17")),
        ("trailing hyphen", "a-.example".into(), Some("R17")),
        ("inner hyphens", "a--b.example".into(), None),
        ("underscores", "_a_.b_c".into(), None),
        ("underscore only", "_".into(), None),
        ("hyphen before an underscore", "-_.example".into(), Some("R17")),
        ("underscore before a hyphen", "_-.example".into(), Some("R17")),
        ("two hyphens that encode nothing", "ab--cd.example".into(), None),
        ("leading dot", ".example".into(), Some("R17")),
        ("trailing dot", "1.2.3.4.".into(), Some("R17")),
        ("encoded dot", "a%2Eb".into(), Some("R17")),
        ("digits before the last label", "1.2.3.4.example".into(), None),
        ("IPv4", "255.255.255.255".into(), None),
        ("IPv4 of three numbers", "1.2.3".into(), Some("R17")),
        ("IPv4 of five numbers", "1.2.3.4.5".into(), Some("R17")),
        ("IPv4 with a leading zero", "01.2.3.4".into(), Some("R17")),
        ("IPv4 as one number", "1".into(), Some("R17")),
        ("hexadecimal", "a.0x1F".into(), Some("R17")),
        ("hexadecimal in capitals", "a.0X1f".into(), Some("R17")),
        ("hexadecimal without digits", "a.0x".into(), Some("R17")),
        ("nearly hexadecimal", "a.0xg".into(), None),
        ("hexadecimal before the last label", "0x7f.example".into(), None),
        ("A-label in capitals", "XN--BCHER-KVA.example".into(), None),
        ("A-label of ASCII", "xn--abc-.example".into(), Some("R17")),
        ("A-label of nothing", "xn--.example".into(), Some("R17")),
        ("A-label that is no Punycode", "xn--99999999.example".into(), Some("R17")),
        ("IPv6", "[2001:DB8::17]".into(), None),
        ("IPv6 with IPv4", "[::ffff:127.0.0.1]".into(), None),
        ("IPv6 zone", "[fe80::1%25eth0]".into(), Some("R17")),
        ("IPv6 with two gaps", "[1::2::3]".into(), Some("R17")),
        ("IPv6 of nine groups", "[1:2:3:4:5:6:7:8:9]".into(), Some("R17")),
        ("IPv6 of the future", "[v1.a]".into(), Some("R17")),
        ("IPv6 and more", "[::1]x".into(), Some("R17")),
        ("IPv6 without end", "[::1".into(), Some("R17")),
        ("IPv6 without start", "a]".into(), Some("R17")),
        ("IPv6 without brackets", "abcd:db8::17".into(), Some("R18")),
        ("IPv4 in brackets", "[127.0.0.1]".into(), Some("R17")),
        ("nothing in brackets", "[]".into(), Some("R17")),
        ("highest port", "h:65535".into(), None),
        ("port too high", "h:65536".into(), Some("R18")),
        ("port zero", "h:0".into(), Some("R18")),
        ("port with a leading zero", "h:01".into(), Some("R18")),
        ("port with a sign", "h:+1".into(), Some("R18")),
        ("empty port", "[::1]:".into(), Some("R18")),
        ("two ports", "h:1:2".into(), Some("R18")),
        ("empty authority", String::new(), Some("R15")),
        ("port only", ":80".into(), Some("R15")),
        ("userinfo", "u@h".into(), Some("R16")),
        ("empty userinfo", "@h".into(), Some("R16")),
    ];
    for (name, authority, expected) in cases {
        assert_eq!(server_fault(&authority), expected, "{name}");
    }
}

#[test]
fn shown_and_fetched_uris_differ_in_loopback_only() {
    let cases = [
        ("https", "https://h.example/a?b#c", None, None),
        ("public address", "https://8.8.8.8/", None, None),
        ("public IPv6", "https://[2606:4700::1111]/", None, None),
        ("http", "http://h.example/", Some("M17"), Some("M18")),
        ("script", "javascript:alert(1)", Some("M17"), Some("M18")),
        ("http localhost", "http://LOCALHOST:3000/", None, Some("M18")),
        ("http loopback", "http://[::1]/", None, Some("M18")),
        ("https localhost", "https://localhost/", None, Some("M18")),
        ("https loopback", "https://127.0.0.1/", None, Some("M18")),
        ("long loopback", "https://[0:0::1]/", Some("M17"), Some("M18")),
        ("mapped", "https://[::ffff:8.8.8.8]/", Some("M17"), Some("M18")),
        ("http address", "http://127.0.0.2/", Some("M17"), Some("M18")),
        ("metadata service", "https://169.254.169.254/", Some("M17"), Some("M18")),
        ("name below localhost", "https://app.localhost/", None, Some("M18")),
        ("internal name", "https://a.INTERNAL/", None, Some("M18")),
        ("http name below localhost", "http://app.localhost/", Some("M17"), Some("M18")),
        ("underscore", "https://my_app.example/", None, None),
        ("A-label that encodes nothing", "https://xn--a.example/", Some("R17"), Some("R17")),
        ("nearly internal name", "https://a.notlocal/", None, None),
        ("home network", "https://a.home.arpa:1/", None, Some("M18")),
        ("no authority", "https:h", Some("R15"), Some("R15")),
        ("bracket in the fragment", "https://h/#[", Some("R20"), Some("R20")),
        ("control", "https://h/%0a", Some("R5"), Some("R5")),
        ("relative", "//h/", Some("R6"), Some("R6")),
    ];
    for (name, uri, shown, fetched) in cases {
        assert_eq!(rule(check_shown(uri)), shown, "{name}, shown");
        assert_eq!(rule(check_fetched(uri)), fetched, "{name}, fetched");
    }
}

#[test]
fn special_ranges_end_where_the_policy_says() {
    let special = "0.255.255.255 10.0.0.0 100.64.0.0 100.127.255.255 127.255.255.255 169.254.0.1 172.16.0.0 \
        172.31.255.255 192.0.0.255 192.0.2.1 192.88.99.1 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.1 \
        203.0.113.1 224.0.0.1 255.255.255.255 [::] [::1] [::ffff:1.2.3.4] [64:ff9b::1.2.3.4] [64:ff9b:1:ffff::] \
        [100::1] [2001:1ff:ffff::] [2001:db8:ffff::] [2002::] [3fff:fff::] [5f00::1] [fdff::] [febf::] [fec0::1] \
        [feff::] [ff02::1]";
    let public = "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.0 169.253.0.1 172.15.0.1 \
        172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.1 192.167.0.1 198.17.0.1 198.20.0.0 198.51.101.0 203.0.114.0 \
        223.255.255.255 [::2] [64:ff9b:2::] [64:ff9b::1:0:0] [100:0:0:1::] [2001:200::] [2001:db9::] [2003::] \
        [3fff:1000::] [5f01::] [fe00::] [2606:4700::1111]";
    let is_special = |host| Authority { host, port: None }.is_special();
    for host in special.split_ascii_whitespace() {
        assert!(is_special(host), "{host}");
    }
    for host in public.split_ascii_whitespace() {
        assert!(!is_special(host), "{host}");
    }
}

#[test]
fn rows_of_the_corpus_about_uris_get_their_verdict() {
    const SHOWN: &[&str] = &["client_uri", "logo_uri", "logo_uri#de", "tos_uri", "policy_uri"];
    const FETCHED: &[&str] = &["jwks_uri", "sector_identifier_uri", "initiate_login_uri", "backchannel_logout_uri"];
    const REFUSED: &str = "logo-javascript logo-data logo-language-variant-javascript client-uri-http \
        policy-uri-userinfo tos-uri-file jwks-uri-http jwks-uri-cloud-metadata jwks-uri-loopback \
        request-uris-http sector-identifier-http";
    for line in include_str!("../../../tests/data/corpus/metadata.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = row["name"].as_str().unwrap();
        let text = |member: &&str| row["body"][*member].as_str().filter(|uri| !uri.is_empty());
        let requests = row["body"]["request_uris"].as_array().into_iter().flatten();
        let fetched = FETCHED.iter().filter_map(text).chain(requests.filter_map(|uri| uri.as_str()));
        let good = SHOWN.iter().filter_map(text).all(|uri| check_shown(uri).is_ok())
            && fetched.map(check_fetched).all(|verdict| verdict.is_ok());
        let refused = REFUSED.split_ascii_whitespace().any(|refused| refused == name);
        if refused || row["verdict"] == "accept" {
            assert_eq!(good, !refused, "{name}");
        }
    }
}
