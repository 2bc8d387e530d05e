//! Each answer has one meaning; the table of them all.

use super::*;
use serde_json::json;

const IDS: [&str; 3] = ["a", "b", "c"];

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        retry_after: None,
        location: None,
        body: body.as_bytes().to_vec(),
        end: BodyEnd::Whole,
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn verdict(status: u16, body: &str) -> Verdict {
    judge(&answer(status, body), &IDS, now())
}

fn answers(status: u16, body: &Value) -> Vec<Option<EventAnswer>> {
    match verdict(status, &body.to_string()) {
        Verdict::Answers(answers) => answers,
        other => panic!("{other:?}"),
    }
}

fn category(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Answers(_) => "answers",
        Verdict::Unauthorized(trouble)
        | Verdict::TooLarge { trouble, .. }
        | Verdict::Unexplained(trouble)
        | Verdict::Wait { trouble, .. }
        | Verdict::Transient(trouble)
        | Verdict::Halt(trouble) => trouble.category(),
    }
}

fn refusal(answer: &Option<EventAnswer>) -> (Again, &str, &str) {
    match answer {
        Some(EventAnswer::Refused { again, trouble }) => {
            (*again, trouble.category(), trouble.message())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn results_are_matched_by_id_in_any_order() {
    let body = json!({"results": [
        {"event_id": "c", "status": "duplicate"},
        {"event_id": "alien", "status": "rejected"},
        {"event_id": "a", "status": "success"},
        {"status": "success"}, null, 7,
    ]});
    let expected = [
        Some(EventAnswer::Delivered),
        None,
        Some(EventAnswer::Duplicate),
    ];
    assert_eq!(answers(200, &body), expected);
}

#[test]
fn synonyms_are_understood_and_unknown_words_settle_nothing() {
    for word in ["success", "accepted", "warning", " Success "] {
        let body = json!({"results": [{"event_id": "a", "status": word}]});
        assert_eq!(
            answers(200, &body)[0],
            Some(EventAnswer::Delivered),
            "{word}"
        );
    }
    for word in [
        json!("queued"),
        json!("pending"),
        json!("stored"),
        json!(null),
        json!(1),
    ] {
        let body = json!({"results": [{"event_id": "a", "status": word}]});
        assert_eq!(answers(200, &body)[0], None, "{word}");
    }
}

#[test]
fn two_different_answers_to_one_event_are_none() {
    let body = json!({"results": [
        {"event_id": "a", "status": "success"},
        {"event_id": "a", "status": "rejected", "error": "x"},
        {"event_id": "a", "status": "success"},
        {"event_id": "b", "status": "success"},
        {"event_id": "b", "status": "accepted"},
    ]});
    let answers = answers(200, &body);
    assert_eq!(
        (&answers[0], &answers[1]),
        (&None, &Some(EventAnswer::Delivered))
    );
}

#[test]
fn refusals_are_read_in_every_spelling() {
    let body = json!({"results": [
        {"event_id": "a", "status": "rejected", "error_message": "", "error": "no field x"},
        {"event_id": "b", "status": "error", "error_message": "gone", "retryable": false,
         "error_category": "schema_mismatch"},
        {"event_id": "c", "status": "rejected", "category": "project_not_admitted"},
    ]});
    let answers = answers(200, &body);
    assert_eq!(
        refusal(&answers[0]),
        (Again::Perhaps, "rejected", "no field x")
    );
    assert_eq!(
        refusal(&answers[1]),
        (Again::Never, "schema-mismatch", "gone")
    );
    let (again, category, _) = refusal(&answers[2]);
    assert_eq!((again, category), (Again::Never, "project-not-admitted"));
}

#[test]
fn an_atomic_refusal_blames_only_those_it_names() {
    let list = json!([
        {"event_id": "b", "detail": "bad wp_id", "code": "schema"},
        {"event_id": null, "index": 2, "reason": "too old", "retryable": true},
        {"index": 99, "error": "nobody"},
        {"event_id": "alien", "error": "nobody"},
    ]);
    for details in [list.clone(), json!(list.to_string())] {
        let answers = answers(400, &json!({"error": "Batch refused", "details": details}));
        assert_eq!(answers[0], None, "an innocent neighbour");
        assert_eq!(
            refusal(&answers[1]),
            (Again::Perhaps, "schema", "bad wp_id")
        );
        assert_eq!(
            refusal(&answers[2]),
            (Again::Perhaps, "rejected", "too old")
        );
    }
}

#[test]
fn a_refusal_that_names_nobody_is_unexplained() {
    for body in [
        r#"{"error":"Batch refused"}"#,
        r#"{"error":"Batch refused","details":"something about it"}"#,
        r#"{"error":"Batch refused","details":[]}"#,
        r#"{"error":"Batch refused","details":[{"event_id":"alien"}]}"#,
        r#"{"error":"Batch refused","details":null}"#,
        "Bad Request",
        "",
        "null",
        "[]",
    ] {
        assert!(
            matches!(verdict(400, body), Verdict::Unexplained(_)),
            "{body}"
        );
    }
    let html = verdict(400, "<html>Bad gateway</html>");
    assert!(
        matches!(html, Verdict::Transient(_)),
        "a proxy knows nothing of our events"
    );
}

#[test]
fn a_200_without_usable_results_teaches_nothing() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "{}",
        r#"{"results":null}"#,
        r#"{"results":{}}"#,
        "<html>",
        "{\"results\":[{\"ev",
    ] {
        let verdict = verdict(200, body);
        assert!(
            matches!(&verdict, Verdict::Transient(_)),
            "{body}: {verdict:?}"
        );
        assert_eq!(category(&verdict), "unusable-answer");
    }
    for end in [BodyEnd::Cut, BodyEnd::TooLarge] {
        let cut = Answer {
            end,
            ..answer(200, r#"{"results":[]}"#)
        };
        assert!(matches!(judge(&cut, &IDS, now()), Verdict::Transient(_)));
    }
    assert_eq!(answers(200, &json!({"results": []})), [None, None, None]);
}

#[test]
fn the_number_decides_before_any_text() {
    let text = r#"{"error":"token expired, schema invalid, 413, too many requests"}"#;
    for (status, class, word) in [
        (201, "transient", "unusable-answer"),
        (204, "transient", "unusable-answer"),
        (302, "halt", "redirect"),
        (307, "halt", "redirect"),
        (401, "unauthorized", "unauthorized"),
        (403, "halt", "forbidden"),
        (404, "halt", "not-found"),
        (408, "transient", "timeout"),
        (409, "transient", "conflict"),
        (412, "halt", "version-mismatch"),
        (413, "too large", "too-large"),
        (418, "halt", "refused"),
        (429, "wait", "throttled"),
        (500, "transient", "server-error"),
        (502, "transient", "server-error"),
        (503, "transient", "server-error"),
        (504, "transient", "server-error"),
        (100, "halt", "refused"),
    ] {
        for body in [text, "<html>x</html>", ""] {
            let verdict = verdict(status, body);
            let found = match &verdict {
                Verdict::Answers(_) => "answers",
                Verdict::Unauthorized(_) => "unauthorized",
                Verdict::TooLarge { .. } => "too large",
                Verdict::Unexplained(_) => "unexplained",
                Verdict::Wait { .. } => "wait",
                Verdict::Transient(_) => "transient",
                Verdict::Halt(_) => "halt",
            };
            assert_eq!(
                (found, category(&verdict)),
                (class, word),
                "{status} {body}"
            );
        }
    }
}

#[test]
fn a_client_that_is_too_old_hears_the_servers_guidance() {
    let body = r#"{"error_code":"client-too-old","error_description":"Please upgrade to 3.0"}"#;
    match verdict(412, body) {
        Verdict::Halt(trouble) => assert_eq!(trouble.message(), "Please upgrade to 3.0"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wait_is_read_from_header_date_or_body() {
    let wait = |header: Option<&str>, body: &str| {
        let answer = Answer {
            retry_after: header.map(str::to_owned),
            ..answer(429, body)
        };
        match judge(&answer, &IDS, now()) {
            Verdict::Wait { wait, .. } => wait,
            other => panic!("{other:?}"),
        }
    };
    let seconds = Duration::from_secs;
    assert_eq!(wait(Some("7"), ""), seconds(7));
    assert_eq!(wait(Some(" 0 "), ""), seconds(0));
    assert_eq!(wait(Some("Sun, 22 Nov 2026 10:00:09 GMT"), ""), seconds(9));
    assert_eq!(wait(Some("Sun, 22 Nov 2020 10:00:00 GMT"), ""), seconds(0));
    assert_eq!(wait(None, r#"{"retry_after_seconds": 3}"#), seconds(3));
    assert_eq!(wait(None, r#"{"retry_after": "4"}"#), seconds(4));
    assert_eq!(
        wait(Some("soon"), r#"{"retry_after": 1.5}"#),
        Duration::from_millis(1500)
    );
    for body in [
        "",
        "{}",
        r#"{"retry_after": -1}"#,
        r#"{"retry_after": "x"}"#,
        "<html>",
    ] {
        assert_eq!(wait(None, body), DEFAULT_WAIT, "{body}");
    }
    assert_eq!(wait(Some("99999999999999999999999"), ""), MAX_WAIT);
    let busy = Answer {
        retry_after: Some("2".to_owned()),
        ..answer(503, "")
    };
    assert!(matches!(judge(&busy, &IDS, now()), Verdict::Wait { .. }));
}

#[test]
fn limits_of_a_413_are_read() {
    let limits = |body: &str| match verdict(413, body) {
        Verdict::TooLarge { limits, .. } => limits,
        other => panic!("{other:?}"),
    };
    let both = r#"{"limits":{"max_events_per_batch":10,"max_decompressed_bytes_per_batch":2048}}"#;
    assert_eq!(
        limits(both),
        Some(ChunkLimits {
            events: 10,
            bytes: 2048
        })
    );
    let one = r#"{"limits":{"max_events_per_batch":10,"max_decompressed_bytes_per_batch":-1}}"#;
    assert_eq!(
        limits(one),
        Some(ChunkLimits {
            events: 10,
            bytes: usize::MAX
        })
    );
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"limits":{"max_events_per_batch":0}}"#,
    ] {
        assert_eq!(limits(body), None, "{body}");
    }
}

#[test]
fn silence_is_told_apart() {
    let host = || "https://example.org".to_owned();
    let cases = [
        (NoAnswer::NoAddress { host: host() }, "dns"),
        (
            NoAnswer::Timeout {
                host: host(),
                step: "connect".into(),
            },
            "timeout",
        ),
        (
            NoAnswer::Connection {
                host: host(),
                reason: "refused".into(),
            },
            "network",
        ),
        (
            NoAnswer::Tls {
                host: host(),
                reason: "unknown issuer".into(),
            },
            "tls",
        ),
        (
            NoAnswer::Proxy {
                reason: "407".into(),
            },
            "proxy",
        ),
        (
            NoAnswer::Protocol {
                host: host(),
                reason: "no status line".into(),
            },
            "unusable-answer",
        ),
    ];
    for (silence, word) in cases {
        assert_eq!(category(&judge_silence(&silence)), word);
    }
}

proptest::proptest! {
    /// Whatever comes back, there is a verdict, and it fits the request.
    #[test]
    fn any_answer_is_judged(
        status in 0_u16..700,
        body in "(\\{|\\}|\\[|\\]|\"results\"|\"details\"|\"event_id\"|\"status\"|:|,|\"a\"|\"b\"|\"success\"|\"rejected\"|\"index\"|null|1|<|.){0,40}",
        retry_after in proptest::option::of(".{0,30}"),
        end in proptest::sample::select(vec![BodyEnd::Whole, BodyEnd::Cut, BodyEnd::TooLarge]),
    ) {
        let answer = Answer { retry_after, end, ..answer(status, &body) };
        match judge(&answer, &IDS, now()) {
            Verdict::Answers(answers) => proptest::prop_assert_eq!(answers.len(), IDS.len()),
            Verdict::Wait { wait, .. } => proptest::prop_assert!(wait <= MAX_WAIT),
            _ => {}
        }
    }
}
