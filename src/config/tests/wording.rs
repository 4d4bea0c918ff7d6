//! How errors quote, and the name that was probably meant.

use super::super::wording::{nearest, quote};

#[test]
fn the_nearest_name_differs_in_few_letters() {
    let known = ["groups", "projects", "inactive_for"];
    assert_eq!(nearest("gruops", known.into_iter()), Some("groups"));
    assert_eq!(nearest("group", known.into_iter()), Some("groups"));
    assert_eq!(
        nearest("inactive-for", known.into_iter()),
        Some("inactive_for")
    );
    assert_eq!(nearest("colour", known.into_iter()), None);
}

#[test]
fn a_token_in_the_wrong_place_is_not_quoted() {
    assert_eq!(quote("https://x"), "\"https://x\"");
    assert_eq!(quote("glpat-AbCdEfGhIjKlMnOpQrSt"), "(a token, not shown)");
    assert_eq!(
        quote("http://a:glrt-AbCdEfGhIjKlMnOpQrSt@b"),
        "(a token, not shown)"
    );
    assert_eq!(
        quote("glue-a-rather-long-project-name"),
        "\"glue-a-rather-long-project-name\""
    );
}
