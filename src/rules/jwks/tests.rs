use serde_json::json;

use super::*;

fn encode(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// A key of Curve25519 with more members.
fn ed25519(more: Value) -> Value {
    with(json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&[7; 32])}), more)
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
}

fn with(mut key: Value, more: Value) -> Value {
    key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    key
}

fn set(keys: Value) -> Map<String, Value> {
    json!({"keys": keys}).as_object().unwrap().clone()
}

/// Pointers and rules of the faults of a set.
fn faults(keys: Value) -> Vec<(String, &'static str)> {
    check(&set(keys)).into_iter().map(|(pointer, fault)| (pointer, fault.rule)).collect()
}

fn pointers(keys: Value) -> Vec<String> {
    faults(keys).into_iter().map(|(pointer, _)| pointer).collect()
}

#[test]
fn sets_are_refused_as_a_whole_when_no_key_can_be_used() {
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA"});
    let cases = [
        ("no array", json!({}), "M14"),
        ("null", Value::Null, "M14"),
        ("empty", json!([]), "M14"),
        ("17 keys", vec![ed25519(json!({})); 17].into(), "M7"),
        ("unknown keys only", json!([unknown, unknown]), "M14"),
    ];
    for (name, keys, rule) in cases {
        assert_eq!(faults(keys), [("/keys".to_owned(), rule)], "{name}");
    }
    assert_eq!(check(&Map::new()).len(), 1);
    assert!(check(&set(vec![ed25519(json!({})); 16].into())).is_empty());
}

#[test]
fn members_of_a_key_are_refused_where_they_stand() {
    let cases = [
        ("plain", json!({}), ""),
        ("other members", json!({"x5c": [], "key_ops": ["verify"], "ext": {"a": [{"b": 1}]}}), ""),
        ("null private member", json!({"d": null}), "/d"),
        ("private member of another type", json!({"priv": ""}), "/priv"),
        ("certificate URI", json!({"x5u": "https://h.example/"}), "/x5u"),
        ("symmetric", json!({"kty": "oct"}), "/kty"),
        ("no string as type", json!({"kty": 1}), "/kty"),
        ("unknown curve", json!({"kty": "EC", "crv": "secp256k1"}), "/crv"),
        ("curve of another type", json!({"kty": "EC"}), "/crv"),
        ("empty kid", json!({"kid": ""}), "/kid"),
        ("null kid", json!({"kid": null}), "/kid"),
        ("longest kid", json!({"kid": "ä".repeat(256)}), ""),
        ("long kid", json!({"kid": "ä".repeat(257)}), "/kid"),
        ("other use", json!({"use": "SIG"}), "/use"),
        ("null use", json!({"use": null}), "/use"),
        ("own algorithm", json!({"alg": "Ed25519"}), ""),
        ("null algorithm", json!({"alg": null}), "/alg"),
        ("algorithm of another type", json!({"alg": "ES256"}), "/alg"),
        ("padding", json!({"x": encode(&[7; 32]) + "="}), "/x"),
        ("stray bits", json!({"x": "B".repeat(43)}), "/x"),
        ("standard alphabet", json!({"x": "+".repeat(42) + "8"}), "/x"),
        ("short", json!({"x": encode(&[7; 31])}), "/x"),
        ("long", json!({"x": encode(&[0; 33])}), "/x"),
        ("no string", json!({"x": 7}), "/x"),
    ];
    for (name, more, below) in cases {
        let expected: Vec<_> = Some(format!("/keys/0{below}")).filter(|_| !below.is_empty()).into_iter().collect();
        assert_eq!(pointers(json!([ed25519(more)])), expected, "{name}");
    }
}

#[test]
fn what_is_forbidden_deeper_is_reported_at_the_key() {
    let cases = [
        ("private member", json!({"ext": {"a": [1, {"k": ""}]}})),
        ("private member in a known one", json!({"x5c": [{"d": null}]})),
        ("key set URI", json!({"ext": {"jku": "https://h.example/"}})),
        ("symmetric key", json!({"ext": {"kty": "oct"}})),
        ("two below one member", json!({"ext": {"p": 1, "q": 1}})),
    ];
    for (name, more) in cases {
        assert_eq!(pointers(json!([ed25519(more)])), ["/keys/0"], "{name}");
    }
    assert_eq!(pointers(json!([{"kty": "AKP", "ext": [{"d": 1}]}])), ["/keys/0"]);
}

#[test]
fn all_faults_are_reported() {
    let unknown = json!({"kty": "AKP", "d": null, "use": "x", "alg": 1});
    let keys = json!([unknown, {"kty": "RSA", "e": "AQAB="}, [], {}]);
    let expected = ["/keys/0/d", "/keys/0/use", "/keys/1/n", "/keys/1/e", "/keys/2", "/keys/3/kty"];
    assert_eq!(pointers(keys), expected);
}

#[test]
fn kid_is_unique_in_the_whole_set() {
    let key = |kid: &str| ed25519(json!({"kid": kid}));
    let unknown = json!({"kty": "AKP", "kid": "a"});
    assert!(pointers(json!([key("a"), key("A"), ed25519(json!({}))])).is_empty());
    assert_eq!(pointers(json!([key("a"), unknown, key("a")])), ["/keys/1/kid", "/keys/2/kid"]);
}

#[test]
fn use_is_needed_when_both_uses_are_present() {
    let [sig, enc, none] = ["sig", "enc", ""].map(|purpose| match purpose {
        "" => ed25519(json!({})),
        _ => ed25519(json!({"use": purpose})),
    });
    let unknown = json!({"kty": "AKP"});
    assert!(pointers(json!([sig, none])).is_empty());
    assert!(pointers(json!([sig, enc, unknown])).is_empty());
    assert_eq!(pointers(json!([sig, none, enc])), ["/keys/1/use"]);
    let x25519 = json!({"kty": "OKP", "crv": "X25519", "x": "A".repeat(43)});
    assert_eq!(pointers(json!([sig, x25519])), ["/keys/1/use"]);
    assert_eq!(pointers(json!([enc, none])), ["/keys/1/use"]);
    assert!(pointers(json!([none, x25519])).is_empty(), "no key has a use, each type tells its own");
}

#[test]
fn rsa_numbers_stand_at_their_boundaries() {
    const F4: &[u8] = &[1, 0, 1];
    let modulus = |first: u8, octets: usize| [vec![first], vec![0xff; octets - 1]].concat();
    let cases = [
        ("2048 bits", rsa(&modulus(0x80, 256), F4), ""),
        ("2047 bits", rsa(&modulus(0x7f, 256), F4), "/n"),
        ("2048 bits after zeros", rsa(&[vec![0; 2], modulus(0x80, 256)].concat(), F4), ""),
        ("zeros do not count", rsa(&[vec![0; 128], modulus(0x80, 128)].concat(), F4), "/n"),
        ("8192 bits", rsa(&modulus(0xff, 1024), F4), ""),
        ("8193 bits", rsa(&modulus(1, 1025), F4), "/n"),
        ("zero", rsa(&[0; 256], F4), "/n"),
        ("exponent 3", rsa(&modulus(0x80, 256), &[3]), "/e"),
        ("exponent 65535", rsa(&modulus(0x80, 256), &[0xff, 0xff]), "/e"),
        ("even exponent", rsa(&modulus(0x80, 256), &[1, 0, 2]), "/e"),
        ("exponent after zeros", rsa(&modulus(0x80, 256), &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1]), ""),
        ("largest exponent", rsa(&modulus(0x80, 256), &[0xff; 8]), ""),
        ("exponent too large", rsa(&modulus(0x80, 256), &[1, 0, 0, 0, 0, 0, 0, 0, 1]), "/e"),
        ("empty exponent", rsa(&modulus(0x80, 256), &[]), "/e"),
        ("a curve is another member", with(rsa(&modulus(0x80, 256), F4), json!({"crv": "P-256"})), ""),
    ];
    for (name, key, below) in cases {
        let expected: Vec<_> = Some(format!("/keys/0{below}")).filter(|_| !below.is_empty()).into_iter().collect();
        assert_eq!(pointers(json!([key])), expected, "{name}");
    }
}

#[test]
fn every_curve_has_its_size_and_algorithms() {
    let cases = [
        ("EC", "P-256", 32, "ES256", "ES384"),
        ("EC", "P-384", 48, "ES384", "ES256"),
        ("EC", "P-521", 66, "ECDH-ES+A192KW", "EdDSA"),
        ("OKP", "Ed25519", 32, "EdDSA", "ECDH-ES"),
        ("OKP", "Ed448", 57, "EdDSA", "Ed25519"),
        ("OKP", "X25519", 32, "ECDH-ES", "EdDSA"),
        ("OKP", "X448", 56, "ECDH-ES+A256KW", "RSA-OAEP"),
    ];
    for (kty, crv, size, good, bad) in cases {
        let key = |size: usize, alg: &str| {
            let octets = encode(&vec![7; size]);
            json!([{"kty": kty, "crv": crv, "x": octets, "y": encode(&vec![7; if kty == "EC" { size } else { 1 }]), "alg": alg}])
        };
        assert!(pointers(key(size, good)).is_empty(), "{crv}");
        assert_eq!(pointers(key(size, bad)), ["/keys/0/alg"], "{crv}");
        assert!(pointers(key(size - 1, good)).contains(&"/keys/0/x".to_owned()), "{crv}");
    }
}

#[test]
fn signing_needs_a_key_for_it() {
    // The base point of the curve: a key that is on no curve cannot be verified with.
    let (x, y) = ("axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
    let p256 = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
    let x25519 = json!({"kty": "OKP", "crv": "X25519", "x": encode(&[7; 32])});
    let cases = [
        ("any", json!([p256]), None, true),
        ("its algorithm", json!([p256]), Some("ES256"), true),
        ("another algorithm", json!([p256]), Some("RS256"), false),
        ("second key", json!([x25519, p256]), Some("ES256"), true),
        ("for encryption", json!([with(p256.clone(), json!({"use": "enc"}))]), None, false),
        ("for signatures", json!([with(p256.clone(), json!({"use": "sig"}))]), None, true),
        ("algorithm for encryption", json!([with(p256.clone(), json!({"alg": "ECDH-ES"}))]), None, false),
        ("encryption asked", json!([p256]), Some("ECDH-ES"), false),
        ("curve for encryption", json!([x25519]), None, false),
        ("bound to another", json!([ed25519(json!({"alg": "EdDSA"}))]), Some("Ed25519"), false),
        ("unbound", json!([ed25519(json!({}))]), Some("Ed25519"), true),
        ("unknown key", json!([{"kty": "AKP", "alg": "ES256"}]), Some("ES256"), false),
        ("no keys", Value::Null, None, false),
    ];
    for (name, keys, alg, expected) in cases {
        assert_eq!(can_sign(&set(keys), alg), expected, "{name}");
    }
}

#[test]
fn decrypting_needs_a_key_for_it() {
    let p256 = json!({"kty": "EC", "crv": "P-256", "x": encode(&[7; 32]), "y": encode(&[7; 32])});
    let cases = [
        ("its algorithm", json!([p256]), "ECDH-ES+A128KW", true),
        ("another type", json!([p256]), "RSA-OAEP", false),
        ("for signatures", json!([with(p256.clone(), json!({"use": "sig"}))]), "ECDH-ES", false),
        ("for encryption", json!([with(p256.clone(), json!({"use": "enc"}))]), "ECDH-ES", true),
        ("bound to it", json!([with(p256.clone(), json!({"alg": "ECDH-ES"}))]), "ECDH-ES", true),
        ("bound to another", json!([with(p256.clone(), json!({"alg": "ES256"}))]), "ECDH-ES", false),
        ("second key", json!([ed25519(json!({})), p256]), "ECDH-ES", true),
        ("RSA", json!([rsa(&[0xFF; 256], &[1, 0, 1])]), "RSA-OAEP-256", true),
        ("no keys", Value::Null, "ECDH-ES", false),
    ];
    for (name, keys, algorithm, expected) in cases {
        assert_eq!(can_decrypt(&set(keys), algorithm), expected, "{name}");
    }
}

#[test]
fn a_certificate_stands_in_x5c() {
    let cases = [
        ("none", json!({}), false),
        ("empty", json!({"x5c": []}), false),
        ("not a chain", json!({"x5c": "MIIB"}), false),
        ("no text", json!({"x5c": [1]}), false),
        ("one", json!({"x5c": ["MIIB"]}), true),
    ];
    for (name, more, expected) in cases {
        assert_eq!(has_certificate(&set(json!([ed25519(more)]))), expected, "{name}");
    }
}

#[test]
fn rows_of_the_corpus_about_keys_get_their_verdict() {
    for line in include_str!("../../../tests/data/corpus/metadata.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["since"] == 2 {
            continue; // not agreed yet
        }
        let Some(set) = row["body"]["jwks"].as_object() else {
            continue;
        };
        // Refused because of jwks_uri, not because of the keys.
        let expected = row["verdict"] == "accept" || row["name"] == "jwks-and-jwks-uri";
        assert_eq!(check(set).is_empty(), expected, "{}", row["name"]);
    }
}
