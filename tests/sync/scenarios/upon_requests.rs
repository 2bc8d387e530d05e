//! Answers to a request as a whole.

use serde_json::json;

use super::{
    ALL, NONE, Scenario, always, batch, cured, each, once, play, scenario, stops, text_of,
};
use crate::support::Reply;
use crate::support::bench::{REFRESH, ids_of};

#[test]
fn a_request_that_is_refused_blames_no_event() {
    play(&[
        stops("403 no permission", "forbidden", |_, r, _| {
            always(
                r,
                403,
                r#"{"error":"Insufficient permissions for team 'x'"}"#,
            )
        }),
        stops("403 plain text", "forbidden", |_, r, _| {
            always(
                r,
                403,
                "Forbidden: Direct sync ingress must target Private Teamspace.",
            )
        }),
        stops("404 of a web page", "not-found", |_, r, _| {
            always(r, 404, "<html>404</html>")
        }),
        stops("404 of an API", "not-found", |_, r, _| {
            always(r, 404, r#"{"detail":"Not found."}"#)
        }),
        stops("405", "not-found", |_, r, _| always(r, 405, "{}")),
        stops("408", "timeout", |_, r, _| always(r, 408, "")),
        stops("409", "conflict", |_, r, _| always(r, 409, "{}")),
        stops("410", "not-found", |_, r, _| always(r, 410, "")),
        stops("412 too old", "version-mismatch", |_, r, _| {
            always(
                r,
                412,
                r#"{"error_code":"client-too-old","error_description":"upgrade"}"#,
            )
        }),
        stops("412 without a word", "version-mismatch", |_, r, _| {
            always(r, 412, "")
        }),
        stops("415", "refused-request", |_, r, _| always(r, 415, "{}")),
        stops("418", "refused-request", |_, r, _| {
            always(r, 418, "short and stout")
        }),
        stops("426", "version-mismatch", |_, r, _| always(r, 426, "")),
        stops("500 of an API", "server-error", |_, r, _| {
            always(r, 500, r#"{"error":"invalid token in field type"}"#)
        }),
        stops("500 of a web page", "server-error", |_, r, _| {
            always(r, 500, "<html>")
        }),
        stops("501", "server-error", |_, r, _| always(r, 501, "")),
        stops("502", "server-error", |_, r, _| {
            always(r, 502, "<html>bad gateway</html>")
        }),
        stops("503", "server-error", |_, r, _| always(r, 503, "<html>")),
        stops("504", "server-error", |_, r, _| always(r, 504, "<html>")),
        stops("511 of a hotel", "server-error", |_, r, _| {
            always(r, 511, "<html>")
        }),
    ]);
}

#[test]
fn a_success_that_says_nothing_is_no_success() {
    play(&[
        stops("200 empty", "unusable-answer", |_, r, _| always(r, 200, "")),
        stops("200 of a hotel", "unusable-answer", |_, r, _| {
            always(r, 200, "<html>Sign in")
        }),
        stops("200 cut JSON", "unusable-answer", |_, r, _| {
            always(r, 200, r#"{"results":[{"#)
        }),
        stops("200 null", "unusable-answer", |_, r, _| {
            always(r, 200, "null")
        }),
        stops("200 list", "unusable-answer", |_, r, _| {
            always(r, 200, "[]")
        }),
        stops("200 empty object", "unusable-answer", |_, r, _| {
            always(r, 200, "{}")
        }),
        stops("200 results null", "unusable-answer", |_, r, _| {
            always(r, 200, r#"{"results":null}"#)
        }),
        stops("200 results text", "unusable-answer", |_, r, _| {
            always(r, 200, r#"{"results":"success"}"#)
        }),
        stops("200 no results", "unconfirmed", |_, r, _| {
            always(r, 200, r#"{"results":[]}"#)
        }),
        stops("200 unknown ids", "unconfirmed", |_, r, _| {
            always(
                r,
                200,
                r#"{"results":[{"event_id":"x","status":"success"}]}"#,
            )
        }),
        stops("200 results without ids", "unconfirmed", |_, r, _| {
            always(r, 200, r#"{"results":[{"status":"success"},7,null]}"#)
        }),
        stops("201", "unusable-answer", |_, r, _| always(r, 201, "{}")),
        stops("202", "unusable-answer", |_, r, _| {
            always(r, 202, r#"{"queued":4}"#)
        }),
        stops("204", "unusable-answer", |_, r, _| always(r, 204, "")),
    ]);
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for_within_a_bound() {
    fn wait(header: &str, body: &str) -> Reply {
        Reply::with(429, &[("Retry-After", header)], body.as_bytes())
    }
    play(&[
        cured("429 seconds", |n, r, _| once(n, r, || wait("1", ""))),
        cured("429 date gone by", |n, r, _| {
            once(n, r, || wait("Wed, 21 Oct 2015 07:28:00 GMT", ""))
        }),
        cured("429 seconds in the body", |n, r, _| {
            once(n, r, || Reply::text(429, r#"{"retry_after_seconds":1}"#))
        }),
        cured("429 text in the body", |n, r, _| {
            once(n, r, || Reply::text(429, r#"{"retry_after":"1"}"#))
        }),
        cured("429 nonsense in the header", |n, r, _| {
            once(n, r, || wait("soon", r#"{"retry_after":0.5}"#))
        }),
        cured("503 with a time", |n, r, _| {
            once(n, r, || {
                Reply::with(503, &[("Retry-After", "1")], b"<html>")
            })
        }),
    ]);
    // The wait outlives the process, so nothing more is sent however well the
    // server is.
    let long = Scenario {
        last: NONE,
        ..stops("429 for long", "throttled", |_, r, _| {
            batch(r, || wait("600", ""))
        })
    };
    let wrong = long.play();
    assert_eq!(wrong, ["429 for long: last exit is 7, should be 0"]);
}

#[test]
fn a_session_is_refreshed_once_and_ended_only_by_its_server() {
    play(&[
        cured("401 for the old token", |_, r, _| {
            let old = r.header("authorization") == Some("Bearer ACCESS-0");
            old.then(|| always(r, 401, r#"{"error":"Token expired or invalid"}"#))
                .flatten()
        }),
        scenario(
            "401 and the session has ended",
            |_, _, _| Some(Reply::text(401, r#"{"error":"Token expired or invalid"}"#)),
            (4, "signed-in"),
            NONE,
        ),
        stops("401 whatever the token", "unauthorized", |_, r, _| {
            always(r, 401, "{}")
        }),
        stops("401 and the refresh fails", "refresh-refused", |_, r, _| {
            Some(Reply::text(if r.path == REFRESH { 500 } else { 401 }, "{}"))
        }),
        stops("401 and the refresh is cut", "network", |_, r, _| {
            Some(if r.path == REFRESH {
                Reply(Vec::new())
            } else {
                Reply::text(401, "{}")
            })
        }),
        stops("401 of a hotel", "refresh-refused", |_, _, _| {
            Some(Reply::text(401, "<html>Sign in to the hotel"))
        }),
        stops(
            "401 and the refresh brings no tokens",
            "refresh-refused",
            |_, r, _| Some(Reply::text(if r.path == REFRESH { 200 } else { 401 }, "{}")),
        ),
    ]);
}

#[test]
fn a_request_that_is_too_large_is_cut_until_it_fits() {
    play(&[
        cured("413 with limits", |_, r, _| {
            let over = ids_of_any(r) > 2;
            let limits = json!({"max_events_per_batch": 2});
            over.then(|| Reply::json(413, &json!({"limits": limits})))
        }),
        cured("413 of a web page", |_, r, _| {
            (ids_of_any(r) > 1).then(|| Reply::text(413, "<html>"))
        }),
        cured("413 with nonsense limits", |_, r, _| {
            let limits =
                json!({"max_events_per_batch": -1, "max_decompressed_bytes_per_batch": "x"});
            (ids_of_any(r) > 2).then(|| Reply::json(413, &json!({"limits": limits})))
        }),
        cured("400 too many", |_, r, _| {
            (ids_of_any(r) > 1).then(|| Reply::text(400, r#"{"error":"Max 1 events per batch"}"#))
        }),
        scenario(
            "413 for one event",
            |_, r, s| poison(r, s, 413),
            (8, "refused"),
            (0, 3, 0, 1),
        ),
        scenario(
            "413 for everything",
            |_, r, _| always(r, 413, ""),
            (7, "too-large"),
            (1, 0, 3, 0),
        ),
        scenario(
            "400 for everything",
            |_, r, _| always(r, 400, ""),
            (7, "refused-request"),
            (1, 0, 3, 0),
        ),
    ]);
}

fn ids_of_any(request: &crate::support::Request) -> usize {
    if request.path == crate::support::bench::BATCH {
        ids_of(request).len()
    } else {
        0
    }
}

/// Refuses every request that holds the third event, and says no more.
pub(super) fn poison(
    request: &crate::support::Request,
    stored: &crate::support::bench::Stored,
    status: u16,
) -> Option<Reply> {
    poison_with(request, stored, status, "")
}

pub(super) fn poison_with(
    request: &crate::support::Request,
    stored: &crate::support::bench::Stored,
    status: u16,
    body: &str,
) -> Option<Reply> {
    if ids_of_any(request) == 0 {
        return None;
    }
    let body_of = request.json();
    let mut events = body_of["events"].as_array().unwrap().iter();
    if events.any(|event| text_of(event) == "three") {
        return Some(Reply::text(status, body));
    }
    each(request, stored, |_| super::success())
}

/// The scenarios speak of four events.
const _: () = assert!(ALL.1 == 4 && NONE.0 == 4);
