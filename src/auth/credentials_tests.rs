//! What a credentials file means, at one moment.

use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn file(access_end: &str, refresh_end: &str) -> String {
    format!(
        "[tokens]\naccess = \"ACCESS-1\"\nrefresh = \"REFRESH-1\"\naccess_expires_at = {access_end}\nrefresh_expires_at = {refresh_end}\n\n[user]\nusername = \"alice@example.com\"\nteam_slug = \"acme-corp\"\n\n[server]\nurl = \"https://example.org\"\n"
    )
}

fn active(text: &str) -> Credentials {
    match Session::parse(text, now()) {
        Session::Active(credentials) => credentials,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_form_of_a_time_means_the_same_moment() {
    let expected: Timestamp = "2099-01-01T00:00:00Z".parse().unwrap();
    for end in [
        "\"2099-01-01T00:00:00+00:00\"",
        "\"2099-01-01T00:00:00Z\"",
        "\"2099-01-01T00:00:00\"",
        "\"2099-01-01 00:00:00.000\"",
        "2099-01-01T00:00:00+00:00",
        "2099-01-01T02:00:00+02:00",
        "2099-01-01T00:00:00",
    ] {
        let credentials = active(&file(end, end));
        assert_eq!(credentials.access_expires_at, Some(expected), "{end}");
        assert_eq!(credentials.refresh_expires_at, Some(expected), "{end}");
    }
}

#[test]
fn an_unknown_end_asks_the_server_instead_of_ending_the_session() {
    let credentials = active(&file("\"soon\"", "7"));
    assert!(!credentials.access_is_fresh(now()));
    assert!(!credentials.has_ended(now()));
}

#[test]
fn an_expired_refresh_token_ends_the_session_and_keeps_the_account() {
    let old = "\"2020-01-01T00:00:00+00:00\"";
    let later = "\"2099-01-01T00:00:00+00:00\"";
    assert!(!active(&file(old, later)).access_is_fresh(now()));
    let ended = Session::parse(&file(old, old), now());
    assert!(matches!(&ended, Session::Ended(_)));
    assert_eq!(
        ended.target(),
        active(&file(old, later)).account.target().into()
    );
    // An access token that is still good may be used to its end.
    assert!(active(&file(later, old)).access_is_fresh(now()));
}

#[test]
fn missing_tokens_end_the_session_and_missing_names_make_the_file_unusable() {
    let later = "\"2099-01-01T00:00:00Z\"";
    let text = file(later, later);
    let without = |line: &str| -> String {
        text.lines()
            .filter(|l| !l.starts_with(line))
            .map(|l| format!("{l}\n"))
            .collect()
    };
    assert!(matches!(
        Session::parse(&without("refresh ="), now()),
        Session::Ended(_)
    ));
    assert_eq!(active(&without("team_slug")).account.team, None);
    for (line, key) in [("username", "user.username"), ("url", "server.url")] {
        let session = Session::parse(&without(line), now());
        assert!(
            matches!(&session, Session::Unreadable(Unusable::Missing { key: k }) if *k == key),
            "{session:?}"
        );
    }
    assert!(matches!(Session::parse("", now()), Session::SignedOut));
}

#[test]
fn one_account_has_one_target_however_it_is_written() {
    let later = "\"2099-01-01T00:00:00Z\"";
    let mixed = file(later, later)
        .replace("alice@example.com", " Alice@Example.COM ")
        .replace("acme-corp", "Acme-Corp")
        .replace("https://example.org", "HTTPS://Example.org/");
    let one = Session::parse(&mixed, now()).target().unwrap();
    let two = Session::parse(&file(later, later), now()).target().unwrap();
    assert_eq!(one.id(), two.id());
}

#[test]
fn nothing_that_is_shown_contains_a_token() {
    let later = "\"2099-01-01T00:00:00Z\"";
    let broken = file(later, later).replace("alice@example.com\"", "alice");
    let shown = [
        format!("{:?}", Session::parse(&file(later, later), now())),
        format!("{:?}", Session::parse(&broken, now())),
        format!("{:?}", Session::parse("access = \"ACCESS-1", now())),
    ];
    for text in shown {
        assert!(
            !text.contains("ACCESS-1") && !text.contains("REFRESH-1"),
            "{text}"
        );
    }
    let bad = file(later, later).replace("ACCESS-1", "ACC\\nESS");
    assert!(
        matches!(Session::parse(&bad, now()), Session::Ended(_)),
        "no header injection"
    );
}

#[test]
fn the_file_is_written_as_the_python_tool_writes_it() {
    let text = file(
        "\"2026-11-22T10:23:56.711976+00:00\"",
        "\"2026-11-29T10:08:56.711988+00:00\"",
    );
    assert_eq!(active(&text).to_toml(), text);
}

proptest::proptest! {
    #[test]
    fn no_text_stops_the_parser(text in "(\\[(tokens|user|server)\\]\n|(access|refresh|url|username|team_slug|access_expires_at) = [-0-9T:\"a-z]{1,20}\n|.{0,20}\n){0,10}") {
        let _ = Session::parse(&text, now());
    }
}
