//! Answers about single events.

use serde_json::{Value, json};

use super::upon_requests::{poison, poison_with};
use super::{batch, cured, each, once, play, results, scenario, stops, success, text_of};
use crate::support::{Reply, Request};

/// A 400 that names the third event in its own way.
fn named(request: &Request, details: impl Fn(usize, &Value) -> Value) -> Option<Reply> {
    let body = batch(request, || Reply(Vec::new())).map(|_| request.json())?;
    let events = body["events"].as_array().unwrap();
    let at = events.iter().position(|event| text_of(event) == "three")?;
    let details = details(at, &events[at]["event_id"]);
    Some(Reply::json(
        400,
        &json!({"error": "refused", "details": details}),
    ))
}

#[test]
fn every_word_for_taken_is_understood() {
    play(&[
        cured("in another order", |_, r, s| {
            batch(r, || {
                let mut results = results(r, s, |_| success());
                results.reverse();
                Reply::json(200, &json!({"results": results}))
            })
        }),
        cured("accepted", |_, r, s| {
            each(r, s, |_| Some(json!({"status": "accepted"})))
        }),
        cured("warning", |_, r, s| {
            each(r, s, |_| {
                Some(json!({"status": "warning", "error": "late"}))
            })
        }),
        cured("duplicate", |_, r, s| {
            each(r, s, |_| Some(json!({"status": "duplicate"})))
        }),
        cured("capitals", |_, r, s| {
            each(r, s, |_| Some(json!({"status": "SUCCESS"})))
        }),
        cured("with keys of the future", |_, r, s| {
            each(r, s, |_| {
                Some(json!({"status": "success", "deep": {"x": [1, null]}, "error": null}))
            })
        }),
        cured("with strangers among them", |_, r, s| {
            batch(r, || {
                let mut results = results(r, s, |_| success());
                results.insert(1, json!({"event_id": "stranger", "status": "rejected"}));
                results.push(json!(7));
                Reply::json(200, &json!({"results": results}))
            })
        }),
        cured("the same answer twice", |_, r, s| {
            batch(r, || {
                let once = results(r, s, |_| success());
                let twice = [once.clone(), once].concat();
                Reply::json(200, &json!({"results": twice}))
            })
        }),
    ]);
}

#[test]
fn silence_about_an_event_is_no_refusal() {
    const ONE_OPEN: (u64, u64, u64, u64) = (1, 3, 0, 0);
    fn but_three(entry: Option<Value>) -> impl Fn(&Value) -> Option<Value> {
        move |event| {
            if text_of(event) == "three" {
                entry.clone()
            } else {
                success()
            }
        }
    }
    play(&[
        cured("one missing, once", |n, r, s| {
            (n == 0).then(|| each(r, s, but_three(None))).flatten()
        }),
        scenario(
            "one missing",
            |_, r, s| each(r, s, but_three(None)),
            (7, "unconfirmed"),
            ONE_OPEN,
        ),
        scenario(
            "one queued",
            |_, r, s| each(r, s, but_three(Some(json!({"status": "queued"})))),
            (7, "unconfirmed"),
            ONE_OPEN,
        ),
        scenario(
            "one without a status",
            |_, r, s| each(r, s, but_three(Some(json!({"status": null})))),
            (7, "unconfirmed"),
            ONE_OPEN,
        ),
        scenario(
            "one answered in two ways",
            |_, r, s| {
                batch(r, || {
                    let mut all = results(r, s, |event| {
                        let word = if text_of(event) == "three" {
                            "rejected"
                        } else {
                            "success"
                        };
                        Some(json!({"status": word}))
                    });
                    let of_three = all.iter().find(|one| one["status"] == "rejected").cloned();
                    if let Some(mut other) = of_three {
                        other["status"] = json!("success");
                        all.push(other);
                    }
                    Reply::json(200, &json!({"results": all}))
                })
            },
            (7, "unconfirmed"),
            ONE_OPEN,
        ),
        stops("all queued", "unconfirmed", |_, r, s| {
            each(r, s, |_| Some(json!({"status": "queued"})))
        }),
        stops("all pending", "unconfirmed", |_, r, s| {
            each(r, s, |_| Some(json!({"status": "pending"})))
        }),
        stops("all in words of the future", "unconfirmed", |_, r, s| {
            each(r, s, |_| Some(json!({"status": "quantised"})))
        }),
    ]);
}

#[test]
fn a_refusal_is_for_one_event_and_for_as_long_as_the_server_says() {
    const AGAIN: (u64, u64, u64, u64) = (0, 3, 1, 0);
    const NEVER: (u64, u64, u64, u64) = (0, 3, 0, 1);
    const PARTLY: (i32, &str) = (8, "refused");
    fn but_three(entry: Value) -> impl Fn(&Value) -> Option<Value> {
        move |event| {
            if text_of(event) == "three" {
                Some(entry.clone())
            } else {
                success()
            }
        }
    }
    play(&[
        scenario(
            "rejected",
            |_, r, s| {
                each(
                    r,
                    s,
                    but_three(json!({"status": "rejected", "error": "clock behind"})),
                )
            },
            PARTLY,
            AGAIN,
        ),
        scenario(
            "error with error_message",
            |_, r, s| {
                each(
                    r,
                    s,
                    but_three(json!({"status": "error", "error_message": "no"})),
                )
            },
            PARTLY,
            AGAIN,
        ),
        scenario(
            "rejected without a reason",
            |_, r, s| each(r, s, but_three(json!({"status": "rejected"}))),
            PARTLY,
            AGAIN,
        ),
        scenario(
            "rejected, not retryable",
            |_, r, s| {
                each(
                    r,
                    s,
                    but_three(json!({"status": "rejected", "retryable": false})),
                )
            },
            PARTLY,
            NEVER,
        ),
        scenario(
            "rejected by a final category",
            |_, r, s| {
                let said = json!({"status": "rejected", "error_category": "project_not_admitted"});
                each(r, s, but_three(said))
            },
            PARTLY,
            NEVER,
        ),
        scenario(
            "a final category that is retryable",
            |_, r, s| {
                let said =
                    json!({"status": "rejected", "category": "project_refused", "retryable": true});
                each(r, s, but_three(said))
            },
            PARTLY,
            AGAIN,
        ),
        scenario(
            "all rejected",
            |_, r, s| each(r, s, |_| Some(json!({"status": "rejected", "error": "no"}))),
            PARTLY,
            (0, 0, 4, 0),
        ),
    ]);
}

#[test]
fn an_atomic_refusal_finds_its_event_in_every_form() {
    const AGAIN: (u64, u64, u64, u64) = (0, 3, 1, 0);
    const NEVER: (u64, u64, u64, u64) = (0, 3, 0, 1);
    const PARTLY: (i32, &str) = (8, "refused");
    play(&[
        scenario(
            "details with error",
            |_, r, _| named(r, |_, id| json!([{"event_id": id, "error": "bad"}])),
            PARTLY,
            AGAIN,
        ),
        scenario(
            "details with reason",
            |_, r, _| named(r, |_, id| json!([{"event_id": id, "reason": "bad"}])),
            PARTLY,
            AGAIN,
        ),
        scenario(
            "details with detail, not retryable",
            |_, r, _| {
                named(
                    r,
                    |_, id| json!([{"event_id": id, "detail": "bad", "retryable": false}]),
                )
            },
            PARTLY,
            NEVER,
        ),
        scenario(
            "details in a text",
            |_, r, _| {
                named(r, |_, id| {
                    json!(json!([{"event_id": id, "error": "bad"}]).to_string())
                })
            },
            PARTLY,
            AGAIN,
        ),
        scenario(
            "details by index",
            |_, r, _| named(r, |at, _| json!([{"index": at, "error": "bad"}])),
            PARTLY,
            AGAIN,
        ),
        scenario(
            "details as plain text",
            |_, r, s| {
                poison_with(
                    r,
                    s,
                    400,
                    r#"{"error":"no","details":"a field is missing"}"#,
                )
            },
            PARTLY,
            NEVER,
        ),
        scenario(
            "details of strangers",
            |_, r, s| {
                poison_with(
                    r,
                    s,
                    400,
                    r#"{"details":[{"event_id":"x","error":"no"},7]}"#,
                )
            },
            PARTLY,
            NEVER,
        ),
        scenario(
            "details by an index that is none",
            |_, r, s| poison_with(r, s, 400, r#"{"details":[{"index":99},{"index":-1}]}"#),
            PARTLY,
            NEVER,
        ),
        scenario(
            "an empty list of details",
            |_, r, s| poison_with(r, s, 400, r#"{"error":"no","details":[]}"#),
            PARTLY,
            NEVER,
        ),
        scenario(
            "no details",
            |_, r, s| poison_with(r, s, 400, r#"{"error":"no"}"#),
            PARTLY,
            NEVER,
        ),
        scenario("nothing at all", |_, r, s| poison(r, s, 400), PARTLY, NEVER),
        stops("400 of a web page", "unusable-answer", |_, r, _| {
            batch(r, || Reply::text(400, "<html>bad request</html>"))
        }),
        cured("400 once, for no reason", |n, r, _| {
            once(n, r, || Reply::text(400, ""))
        }),
    ]);
}
