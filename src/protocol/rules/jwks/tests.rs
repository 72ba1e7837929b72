use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// The keys that version 2 of the policy skips, each next to nothing else that it could be refused for.
fn unusable() -> Vec<(&'static str, Value)> {
    vec![
        ("another type", json!({"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA"})),
        ("another curve", json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"})),
        ("an algorithm of another type", ed25519(json!({"alg": "ES256"}))),
        ("an algorithm that is not supported", ed25519(json!({"alg": "none"}))),
        ("RSA1_5", with(rsa(&[0xFF; 256], &[1, 0, 1]), json!({"alg": "RSA1_5"}))),
        ("HMAC", with(rsa(&[0xFF; 256], &[1, 0, 1]), json!({"alg": "HS256"}))),
        ("another use", ed25519(json!({"use": "SIG"}))),
        ("another operation", ed25519(json!({"key_ops": ["sign"]}))),
        ("no operation", ed25519(json!({"key_ops": []}))),
        ("operations of another type", ed25519(json!({"key_ops": "verify"}))),
    ]
}

#[test]
fn a_key_that_cannot_be_used_is_skipped_without_a_refusal() {
    for (name, key) in unusable() {
        let alone = set(json!([key]));
        assert!(check(&alone).is_empty(), "{name}");
        assert!(!can_sign(&alone, None) && !can_encrypt(&alone, None), "{name}");
        let beside = set(json!([key, ed25519(json!({}))]));
        assert!(check(&beside).is_empty() && can_sign(&beside, Some("EdDSA")), "{name} beside a good key");
    }
}

#[test]
fn a_set_is_refused_for_its_shape() {
    let cases = [
        ("null", Value::Null, "M14"),
        ("an object", json!({}), "M14"),
        ("text", json!("[]"), "M14"),
        ("17 keys", vec![ed25519(json!({})); 17].into(), "M7"),
    ];
    for (name, keys, rule) in cases {
        assert_eq!(faults(keys), [("/keys".to_owned(), rule)], "{name}");
    }
    assert_eq!(check(json!({"key": []}).as_object().unwrap())[0].0, "/keys", "members, and no keys");
    assert!(check(&set(vec![ed25519(json!({})); 16].into())).is_empty());
    for (name, set, expected) in
        [("none", Map::new(), true), ("empty", set(json!([])), true), ("one", set(json!([ed25519(json!({}))])), false)]
    {
        assert!(check(&set).is_empty(), "{name}");
        assert_eq!(is_without_keys(&set), expected, "{name}");
    }
}

#[test]
fn members_of_a_key_are_refused_where_they_stand() {
    let cases = [
        ("plain", json!({}), ""),
        ("other members", json!({"x5c": [], "key_ops": ["verify"], "ext": {"a": [{"b": 1}]}}), ""),
        ("null private member", json!({"d": null}), "/d"),
        ("private member of another type", json!({"priv": ""}), "/priv"),
        ("certificates elsewhere", json!({"x5u": "https://h.example/", "x5t#S256": "AA"}), ""),
        ("a key set elsewhere", json!({"jku": "https://h.example/"}), ""),
        ("symmetric", json!({"kty": "oct"}), "/kty"),
        ("no string as type", json!({"kty": 1}), "/kty"),
        ("curve of another JSON type", json!({"crv": 1}), "/crv"),
        ("null curve", json!({"crv": null}), "/crv"),
        ("empty kid", json!({"kid": ""}), ""),
        ("null kid", json!({"kid": null}), ""),
        ("kid of another type", json!({"kid": 1}), "/kid"),
        ("longest kid", json!({"kid": "ä".repeat(256)}), ""),
        ("long kid", json!({"kid": "ä".repeat(257)}), "/kid"),
        ("null use", json!({"use": null}), ""),
        ("use of another type", json!({"use": ["sig"]}), "/use"),
        ("null algorithm", json!({"alg": null}), ""),
        ("algorithm of another JSON type", json!({"alg": 1}), "/alg"),
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
    assert_eq!(pointers(json!([{"kty": "EC"}])), ["/keys/0/crv"]);
}

#[test]
fn what_is_forbidden_deeper_is_reported_at_the_key() {
    let cases = [
        ("private member", json!({"ext": {"a": [1, {"k": ""}]}})),
        ("private member in a known one", json!({"x5c": [{"d": null}]})),
        ("symmetric key", json!({"ext": {"kty": "oct"}})),
        ("two below one member", json!({"ext": {"p": 1, "q": 1}})),
    ];
    for (name, more) in cases {
        assert_eq!(pointers(json!([ed25519(more)])), ["/keys/0"], "{name}");
    }
    assert_eq!(pointers(json!([{"kty": "AKP", "ext": [{"d": 1}]}])), ["/keys/0"]);
    let beside = |member: Value| check(with(json!({"keys": []}), member).as_object().unwrap());
    assert_eq!(beside(json!({"d": null}))[0].0, "/d", "beside the keys");
    assert_eq!(beside(json!({"vendor": [{"oth": 1}]}))[0].0, "", "below a member beside the keys");
}

#[test]
fn all_faults_are_reported() {
    let unknown = json!({"kty": "AKP", "d": null, "use": 1, "alg": 1});
    let keys = json!([unknown, {"kty": "RSA", "e": "AQAB="}, [], {}]);
    let expected = ["/keys/0/d", "/keys/0/use", "/keys/0/alg", "/keys/1/n", "/keys/1/e", "/keys/2", "/keys/3/kty"];
    assert_eq!(pointers(keys), expected);
}

#[test]
fn keys_that_share_a_kid_differ_in_type_or_purpose() {
    let key = |more: Value| ed25519(with(json!({"kid": "a"}), more));
    let cases = [
        ("another kid", key(json!({"kid": "A"})), true),
        ("another type", json!({"kty": "AKP", "kid": "a"}), true),
        ("another use", key(json!({"use": "enc"})), true),
        ("another algorithm", key(json!({"alg": "EdDSA"})), true),
        ("none", ed25519(json!({"kid": ""})), true),
        ("the same", key(json!({})), false),
        ("the same, use and algorithm not sent", key(json!({"use": null, "alg": ""})), false),
        ("another curve", json!({"kty": "OKP", "crv": "X25519", "x": encode(&[7; 32]), "kid": "a"}), false),
    ];
    for (name, other, accepted) in cases {
        let broken = pointers(json!([key(json!({})), other]));
        assert_eq!(broken.is_empty(), accepted, "{name}: {broken:?}");
        assert!(accepted || broken == ["/keys/1/kid"], "{name}: {broken:?}");
    }
}

#[test]
fn keys_without_use_are_found_in_a_set_for_both_purposes() {
    let x25519 = |more: Value| with(json!({"kty": "OKP", "crv": "X25519", "x": encode(&[7; 32])}), more);
    let unusable = json!({"kty": "AKP"});
    let [sig, enc] = ["sig", "enc"].map(|purpose| json!({"use": purpose}));
    let cases = [
        ("one purpose", json!([ed25519(sig.clone()), ed25519(json!({}))]), vec![]),
        ("all say it", json!([ed25519(sig.clone()), x25519(enc.clone()), unusable]), vec![]),
        ("one does not", json!([ed25519(sig.clone()), x25519(json!({"use": ""}))]), vec![1]),
        ("none does", json!([ed25519(json!({})), x25519(json!({}))]), vec![0, 1]),
        ("by algorithm", json!([p256(json!({"alg": "ES256"})), p256(enc.clone())]), vec![0]),
        ("a key for both beside one", json!([p256(json!({})), p256(enc)]), vec![]),
    ];
    for (name, keys, expected) in cases {
        assert_eq!(without_use(&set(keys)), expected, "{name}");
    }
}

#[test]
fn rsa_numbers_stand_at_their_boundaries() {
    const F4: &[u8] = &[1, 0, 1];
    let modulus = |first: u8, octets: usize| [vec![first], vec![0xff; octets - 1]].concat();
    let cases = [
        ("2048 bits", rsa(&modulus(0x80, 256), F4), ""),
        ("2047 bits", rsa(&modulus(0x7f, 256), F4), "/n"),
        ("2048 bits after zeros", rsa(&[vec![0; 2], modulus(0x80, 256)].concat(), F4), ""),
        ("zeros are ignored", rsa(&[vec![0; 128], modulus(0x80, 128)].concat(), F4), "/n"),
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

/// A point on the curve, for builds that can tell.
const P256: (&str, &str) =
    ("OkAh5UsYKQJpdATFKVqjQBbk4AS2RoqBjLsKBX1_Iok", "0VuS3ohWyWruqKFdKPk_bpT6HlTLWfzBaPclqWEimkU");

fn p256(more: Value) -> Value {
    with(json!({"kty": "EC", "crv": "P-256", "x": P256.0, "y": P256.1}), more)
}

#[test]
fn every_curve_has_its_size() {
    let cases = [
        ("EC", "P-256", 32),
        ("EC", "P-384", 48),
        ("EC", "P-521", 66),
        ("OKP", "Ed25519", 32),
        ("OKP", "Ed448", 57),
        ("OKP", "X25519", 32),
        ("OKP", "X448", 56),
    ];
    for (kty, crv, size) in cases {
        let key =
            |size: usize| json!([{"kty": kty, "crv": crv, "x": encode(&vec![7; size]), "y": encode(&vec![7; size])}]);
        assert!(!pointers(key(size)).contains(&"/keys/0/x".to_owned()), "{crv}");
        for wrong in [size - 1, size + 1] {
            assert!(pointers(key(wrong)).contains(&"/keys/0/x".to_owned()), "{crv} of {wrong} octets");
        }
    }
}

#[test]
fn a_point_is_tested_where_a_library_can() {
    let bent = p256(json!({"y": P256.0}));
    let expected: &[&str] = if cfg!(feature = "software-statements") { &["/keys/0"] } else { &[] };
    assert_eq!(pointers(json!([bent])), expected);
    assert!(pointers(json!([p256(json!({}))])).is_empty());
}

#[test]
fn every_type_of_key_has_its_purposes() {
    let okp = |crv: &str, size: usize| json!({"kty": "OKP", "crv": crv, "x": encode(&vec![7; size])});
    let rsa = rsa(&[0xFF; 256], &[1, 0, 1]);
    let ed448 = !cfg!(feature = "software-statements");
    let cases = [
        (
            "RSA",
            rsa.clone(),
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..],
            &["RSA-OAEP", "RSA-OAEP-256"][..],
        ),
        ("P-256", p256(json!({})), &["ES256"], &["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"]),
        ("Ed25519", okp("Ed25519", 32), &["EdDSA", "Ed25519"], &[]),
        ("Ed448", okp("Ed448", 57), if ed448 { &["EdDSA"] } else { &[] }, &[]),
        ("X25519", okp("X25519", 32), &[], &["ECDH-ES", "ECDH-ES+A256KW"]),
        ("X448", okp("X448", 56), &[], &["ECDH-ES", "ECDH-ES+A192KW"]),
    ];
    for (name, key, signing, encryption) in cases {
        let keys = set(json!([key]));
        assert_eq!(can_sign(&keys, None), !signing.is_empty(), "{name}");
        assert_eq!(can_encrypt(&keys, None), !encryption.is_empty(), "{name}");
        assert!(signing.iter().all(|alg| can_sign(&keys, Some(alg))), "{name}");
        assert!(encryption.iter().all(|alg| can_encrypt(&keys, Some(alg))), "{name}");
        assert!(!can_sign(&keys, Some("none")) && !can_encrypt(&keys, Some("RSA1_5")), "{name}");
    }
}

#[test]
fn use_operations_and_algorithm_limit_a_key_to_a_purpose() {
    let cases = [
        ("nothing", json!({}), true, true),
        ("not sent", json!({"use": null, "alg": "", "key_ops": null}), true, true),
        ("signatures", json!({"use": "sig"}), true, false),
        ("encryption", json!({"use": "enc"}), false, true),
        ("verify", json!({"key_ops": ["sign", "verify"]}), true, false),
        ("wrap", json!({"key_ops": ["wrapKey"]}), false, true),
        ("derive", json!({"key_ops": ["deriveBits"]}), false, true),
        ("use and operation disagree", json!({"use": "sig", "key_ops": ["encrypt"]}), false, false),
        ("algorithm for signatures", json!({"alg": "ES256"}), true, false),
        ("algorithm for encryption", json!({"alg": "ECDH-ES"}), false, true),
    ];
    for (name, more, signs, encrypts) in cases {
        let keys = set(json!([{"kty": "AKP"}, p256(more)]));
        assert_eq!(can_sign(&keys, None), signs, "{name}");
        assert_eq!(can_sign(&keys, Some("ES256")), signs, "{name}");
        assert_eq!(can_encrypt(&keys, None), encrypts, "{name}");
        assert_eq!(can_encrypt(&keys, Some("ECDH-ES")), encrypts, "{name}");
    }
    let bound = set(json!([ed25519(json!({"alg": "EdDSA"}))]));
    assert!(!can_sign(&bound, Some("Ed25519")), "bound to another name of the same algorithm");
    assert!(!can_sign(&set(Value::Null), None) && !can_encrypt(&Map::new(), None), "no keys");
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
