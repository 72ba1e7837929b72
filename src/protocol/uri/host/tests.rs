use idna::uts46::DnsLength;
use proptest::prelude::*;

use super::*;

#[test]
fn an_a_label_encodes_what_every_processor_takes() {
    let rows = [
        ("German", "xn--bcher-kva", true),
        ("deviation", "xn--fa-hia", true),
        ("final sigma", "xn--nxasmm1c", true),
        ("emoji", "xn--e28h", true),
        ("capital in the encoded part", "xn--ber-ska", false),
        ("full width", "xn--tda9921k", false),
        ("ligature", "xn--tda3219j", false),
        ("not in NFC", "xn--uber-vwc", false),
        ("combining mark first", "xn--a-bcb", false),
        ("spacing mark first", "xn--j1b0b", false),
        ("soft hyphen", "xn--ab-5da", false),
        ("zero width space", "xn--ab-g1t", false),
        ("word joiner", "xn--ab-yka6523a", false),
        ("private use", "xn--0y0c", false),
        ("unassigned", "xn--zva", false),
        ("noncharacter", "xn--0n7c", false),
        ("replacement character", "xn--zn7c", false),
        ("ideographic full stop", "xn--ab-r13a", false),
        ("line separator", "xn--tvg", false),
        ("left-to-right mark", "xn--www-hn0a", false),
        ("tag", "xn--s726e", false),
        ("hyphen first", "xn----eha", false),
        ("hyphen last", "xn----dha", false),
        ("two hyphens", "xn--ab---3ra", false),
        ("A-label in an A-label", "xn--xn---3ra", false),
        ("one hyphen third", "xn--ab-c-3ra", true),
        ("joiner after a virama", "xn--11b2ezcw70k", true),
        ("joiner alone", "xn--1ug", false),
        ("joiner between letters", "xn--a-eha279u", false),
        ("joiner first", "xn--11b378i", false),
        ("non-joiner after a virama", "xn--11b2ezcs70k", true),
        ("non-joiner between joining letters", "xn--mgba3gch31f060k", true),
        ("non-joiner between others", "xn--ab-j1t", false),
        ("right-to-left", "xn--4dbc", true),
        ("right-to-left and digit", "xn--1-zhc", true),
        ("digit and right-to-left", "xn--1-0hc", false),
        ("both directions", "xn--a-0hc", false),
        ("right-to-left then left", "xn--a-zhce", false),
        ("Arabic and European digits", "xn--1-ymc8o", false),
        ("Arabic digits", "xn--mgb0j", true),
        ("capitals", "XN--BCHER-Kva", true),
        ("nothing", "xn--", false),
        ("ASCII only", "xn--abc-", false),
        ("hyphen only", "xn---", false),
        ("delimiter before nothing", "xn---eda", false),
        ("no code point", "xn--99999999", false),
        ("control character", "xn--a", false),
        ("underscore", "xn--a_b-hoa", false),
        ("begins nearly so", "xn-a", true),
        ("inside a label", "axn--a", true),
    ];
    for (name, label, valid) in rows {
        for host in
            [label.to_owned(), format!("{label}.example"), format!("www.{label}"), format!("my_app.{label}.a--b")]
        {
            // A label that begins with an underscore or has other symbols at its ends would break the rule for names
            // with right-to-left characters; these labels do not.
            assert_eq!(is_host_name(&host), valid, "{name}: {host}");
        }
    }
}

#[test]
fn right_to_left_characters_bind_every_label() {
    let rows = [
        ("letters", "www.xn--4dbrk0ce.example", true),
        ("hyphen and underscore inside", "a-b_c.xn--4dbrk0ce", true),
        ("digit first", "1.xn--4dbrk0ce.example", false),
        ("digit first, after it", "xn--4dbrk0ce.1a", false),
        ("underscore first", "_a.xn--4dbrk0ce", false),
        ("underscore last", "a_.xn--4dbrk0ce", false),
        ("digit first, left-to-right", "1.xn--bcher-kva.example", true),
        ("underscore first, left-to-right", "_a.xn--bcher-kva", true),
    ];
    for (name, host, valid) in rows {
        assert_eq!(is_host_name(host), valid, "{name}");
    }
}

proptest! {
    /// A lax decoder would give several spellings of one name.
    #[test]
    fn valid_names_have_one_spelling(label in "xn--[a-z0-9-]{1,12}") {
        if is_host_name(&label) {
            let (decoded, _) = idna::domain_to_unicode(&label);
            let strict = DnsLength::Verify;
            let again = Uts46::new().to_ascii(decoded.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, strict);
            prop_assert_eq!(again.unwrap(), label);
        }
    }
}
