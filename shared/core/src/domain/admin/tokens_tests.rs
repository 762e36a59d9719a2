//! Who holds an admin token, before and after it expires, is rotated or revoked.

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn everything() -> AdminCaller {
    AdminCaller {
        actor: Actor::cli(),
        scopes: AdminScope::all(),
    }
}

fn named(name: &str) -> AdminTokenName {
    AdminTokenName::parse(name).unwrap()
}

fn asked(name: &str, lifetime_ms: Option<u64>) -> NewAdminToken {
    NewAdminToken {
        name: named(name),
        scopes: [AdminScope::Read, AdminScope::Write].into(),
        lifetime_ms,
    }
}

fn with_one(lifetime_ms: Option<u64>) -> AdminTokens {
    let mut tokens = AdminTokens::default();
    tokens
        .add(asked("ci", lifetime_ms), "one", &everything(), NOW)
        .unwrap();
    tokens
}

/// The actor of whoever holds it.
fn holder(tokens: &AdminTokens, token: &str, at: i64) -> String {
    match tokens.holder(token, Some("file"), Timestamp(at)) {
        Holder::Caller(caller) => caller.actor.as_str().to_owned(),
        Holder::Expired(at) => format!("expired {}", at.0),
        Holder::Nobody => "nobody".to_owned(),
    }
}

#[test]
fn a_token_has_its_name_and_scopes_until_it_expires_and_is_stored_as_a_digest() {
    let tokens = with_one(Some(500));

    let Holder::Caller(caller) = tokens.holder("one", None, Timestamp(1_499)) else {
        panic!("it works");
    };

    assert_eq!(caller.actor.as_str(), "admin:ci");
    assert!(caller.require(AdminScope::Write).is_ok());
    let refused = caller.require(AdminScope::Money).unwrap_err();
    assert_eq!(
        (refused.kind, refused.code),
        (Kind::Forbidden, "scope_missing")
    );
    assert!(refused.message.contains("'money'"), "{refused}");
    assert_eq!(holder(&tokens, "one", 1_500), "expired 1500");
    assert_eq!(holder(&tokens, "two", 1_001), "nobody");
    assert_eq!(holder(&tokens, "file", 9_999), "admin:folder");
    let stored = serde_json::to_string(&tokens).unwrap();
    assert!(!stored.contains("\"one\""), "{stored}");
    assert_eq!(
        serde_json::from_str::<AdminTokens>(&stored).unwrap(),
        tokens
    );
}

#[test]
fn a_rotated_token_works_beside_its_old_one_until_the_overlap_or_the_old_one_ends() {
    let mut tokens = with_one(Some(500));

    let at = Timestamp(1_400);
    tokens
        .rotate(&named("ci"), "two", 50, &everything(), at)
        .unwrap();
    assert_eq!(holder(&tokens, "one", 1_449), "admin:ci");
    assert_eq!(holder(&tokens, "one", 1_450), "nobody");
    assert_eq!(holder(&tokens, "two", 1_899), "admin:ci");
    assert_eq!(holder(&tokens, "two", 1_900), "expired 1900");
    let at = Timestamp(1_890);
    tokens
        .rotate(&named("ci"), "three", 50, &everything(), at)
        .unwrap();
    assert_eq!(holder(&tokens, "two", 1_899), "admin:ci");
    assert_eq!(holder(&tokens, "two", 1_900), "nobody", "it expired");
    tokens
        .rotate(&named("ci"), "four", 0, &everything(), at)
        .unwrap();
    assert_eq!(holder(&tokens, "two", 1_890), "nobody");
    assert_eq!(holder(&tokens, "three", 1_890), "nobody");
    assert_eq!(holder(&tokens, "four", 1_891), "admin:ci");
}

#[test]
fn the_folder_s_token_is_the_one_in_its_file_and_for_a_while_the_one_before() {
    let mut tokens = AdminTokens::default();

    tokens.rotate_folder("old", 100, NOW).unwrap();
    assert_eq!(holder(&tokens, "old", 1_099), "admin:folder");
    assert_eq!(holder(&tokens, "old", 1_100), "nobody");
    tokens.rotate_folder("file", 0, Timestamp(1_050)).unwrap();
    assert_eq!(holder(&tokens, "old", 1_051), "nobody");
}

#[test]
fn nobody_makes_or_takes_over_a_token_with_more_scopes_than_its_own() {
    let mut tokens = with_one(None);
    let writer = AdminCaller {
        scopes: [AdminScope::Write].into(),
        ..everything()
    };

    let added = tokens.add(asked("two", None), "x", &writer, NOW).map(drop);
    let rotated = tokens.rotate(&named("ci"), "x", 0, &writer, NOW).map(drop);

    for refused in [added, rotated] {
        assert_eq!(refused.unwrap_err().code, "scope_missing");
    }
    assert_eq!(holder(&tokens, "one", 1_000), "admin:ci");
}

#[test]
fn a_name_is_used_once_until_it_is_revoked_and_there_are_not_too_many() {
    let mut tokens = with_one(None);
    let mut add = |name: &str| {
        let added = tokens.add(asked(name, None), name, &everything(), NOW);
        added.map(drop).map_err(|error| error.code)
    };

    assert_eq!(add("ci"), Err("admin_token_exists"));
    assert_eq!(add("folder"), Err("admin_token_exists"));
    for n in 1..AdminTokens::MAX {
        add(&format!("t{n}")).unwrap();
    }
    assert_eq!(add("more"), Err("too_many_admin_tokens"));
    tokens.revoke(&named("ci")).unwrap();
    assert_eq!(holder(&tokens, "one", 1_000), "nobody");
    assert_eq!(
        tokens.revoke(&named("ci")).unwrap_err().kind,
        Kind::NotFound
    );
}

#[test]
fn a_token_that_is_rotated_again_and_again_does_not_pile_up() {
    let mut tokens = with_one(None);
    let mut rotate = |n: usize| {
        let token = format!("r{n}");
        let rotated = tokens.rotate(&named("ci"), &token, 1_000, &everything(), NOW);
        rotated.map(drop).map_err(|error| error.code)
    };

    for n in 1..super::super::token::OVERLAPPING_MAX {
        rotate(n).unwrap();
    }
    assert_eq!(rotate(9), Err("too_many_secrets"));
}
