//! What an answer to a batch means. Pure.
//!
//! The number decides first, then the server's codes, and text never. Every
//! class of answer has one next step, and the class says which. Only what the
//! server says about a single event touches that event; what it says about the
//! request as a whole never does.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::auth::http::{Answer, BodyEnd, NoAnswer};
use crate::position::Lamport;
use crate::state::Trouble;
use crate::sync::chunk::ChunkLimits;

mod fields;
mod results;

use fields::{said, word_of};

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server spoke about single events: one entry for each event of the
    /// request, in its order; `None` where it said nothing usable.
    Answers(Vec<Option<EventAnswer>>),
    /// 401: refresh the session and send the same again.
    Unauthorized(Trouble),
    /// 413: send less at once.
    TooLarge {
        /// What the server would take, where it says so.
        limits: Option<ChunkLimits>,
        /// What it said.
        trouble: Trouble,
    },
    /// 400 without usable details: at least one event is refused, nobody says
    /// which, and none was stored.
    Unexplained(Trouble),
    /// 429, or 503 with a time: send the same again later.
    Wait {
        /// For how long; never more than [`MAX_WAIT`].
        wait: Duration,
        /// What it said.
        trouble: Trouble,
    },
    /// Nothing was learned and it may be better next time.
    Transient(Trouble),
    /// Nothing was learned and it will stay so until somebody changes something.
    Halt(Trouble),
}

/// What the server said about one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventAnswer {
    /// Stored.
    Delivered,
    /// Was there already.
    Duplicate,
    /// Refused for a reason of its own.
    Refused {
        /// Whether sending it again may help.
        again: Again,
        /// Why.
        trouble: Trouble,
    },
    /// It spoke of the neighbours and, asked again, not of this one.
    Unanswered(Trouble),
}

/// Whether sending a refused event again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It may.
    Perhaps,
    /// It will not: a person has to look.
    Never,
}

/// The longest wait that a server may ask for.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// The wait when a server asks for one and names no time.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);

/// Categories of refusals that sending again cannot cure.
const FINAL: [&str; 7] = [
    "project_not_admitted",
    "project_not_consented",
    "project_refused",
    "request_too_large",
    "oversized_event",
    "event_too_large",
    "event_conflict",
];

/// Judges the answer to a request with the events `ids`, none of them twice,
/// received at `now`.
#[must_use]
pub fn judge(answer: &Answer, ids: &[&str], now: Timestamp) -> Verdict {
    read(answer, ids, now).0
}

/// The same, and the highest clock value that the answer tells, wherever a server
/// may put it.
#[must_use]
pub fn read(answer: &Answer, ids: &[&str], now: Timestamp) -> (Verdict, Option<Lamport>) {
    let whole = (answer.end == BodyEnd::Whole).then_some(answer.body.as_slice());
    if answer.status == 200 {
        let results = whole.and_then(|body| results::read(body, ids));
        let results = results.unwrap_or_default();
        let verdict = match results.answers {
            Some(answers) => Verdict::Answers(answers),
            None => Verdict::Transient(unusable(answer)),
        };
        return (verdict, results.clock.map(Lamport));
    }
    let body: Option<Value> = whole.and_then(|body| serde_json::from_slice(body).ok());
    let clock = body.as_ref().and_then(fields::clock).map(Lamport);
    (judge_failure(answer, body.as_ref(), ids, now), clock)
}

/// Judges any answer but 200.
fn judge_failure(answer: &Answer, body: Option<&Value>, ids: &[&str], now: Timestamp) -> Verdict {
    let trouble = |category: &str| whole(category, answer);
    match answer.status {
        300..=399 => Verdict::Halt(redirect(answer)),
        400 => bad_request(answer, body, ids),
        401 => Verdict::Unauthorized(trouble("unauthorized")),
        403 => Verdict::Halt(trouble("forbidden")),
        404 | 405 | 410 => Verdict::Halt(trouble("not-found")),
        408 => Verdict::Transient(trouble("timeout")),
        409 => Verdict::Transient(trouble("conflict")),
        412 | 426 => Verdict::Halt(trouble("version-mismatch")),
        413 => Verdict::TooLarge {
            limits: body.and_then(fields::limits),
            trouble: trouble("too-large"),
        },
        429 => Verdict::Wait {
            wait: wait(answer, body, now).unwrap_or(DEFAULT_WAIT),
            trouble: trouble("throttled"),
        },
        503 => match wait(answer, body, now) {
            Some(wait) => Verdict::Wait {
                wait,
                trouble: trouble("server-error"),
            },
            None => Verdict::Transient(trouble("server-error")),
        },
        500..=599 => Verdict::Transient(trouble("server-error")),
        201..=299 => Verdict::Transient(unusable(answer)),
        _ => Verdict::Halt(trouble("refused")),
    }
}

/// What a server advertises about the size of a request, less a tenth of the
/// bytes, because not every server counts them as we do.
#[must_use]
pub fn advertised(answer: &Answer) -> Option<ChunkLimits> {
    if answer.status != 200 || answer.end != BodyEnd::Whole {
        return None;
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let limits = fields::limits(body.get("sync_ingress")?)?;
    Some(ChunkLimits {
        bytes: limits.bytes - limits.bytes / 10,
        ..limits
    })
}

/// What it means that no answer came. The request may have arrived; sending it
/// again is safe because the server knows the ids.
#[must_use]
pub fn judge_silence(silence: &NoAnswer) -> Verdict {
    let trouble = trouble_of(silence);
    match silence {
        NoAnswer::Tls { .. } | NoAnswer::Proxy { .. } => Verdict::Halt(trouble),
        _ => Verdict::Transient(trouble),
    }
}

/// The trouble that a missing answer is.
#[must_use]
pub fn trouble_of(silence: &NoAnswer) -> Trouble {
    let category = match silence {
        NoAnswer::NoAddress { .. } => "dns",
        NoAnswer::Timeout { .. } => "timeout",
        NoAnswer::Tls { .. } => "tls",
        NoAnswer::Proxy { .. } => "proxy",
        NoAnswer::Protocol { .. } => "unusable-answer",
        _ => "network",
    };
    Trouble::new(category, &silence.to_string(), None)
}

/// A trouble in one phrase: the server's own words are told as its own.
#[must_use]
pub fn phrase(trouble: &Trouble) -> String {
    const OURS: [&str; 3] = ["redirect", "unusable-answer", "unconfirmed"];
    match trouble.http_status() {
        Some(status) if !OURS.contains(&trouble.category()) => {
            format!("the server answered {status}: {}", trouble.message())
        }
        _ => trouble.message().to_owned(),
    }
}

/// A frame of the socket about an event.
pub(super) fn event_answer(frame: &Map<String, Value>) -> Option<EventAnswer> {
    answer_of(frame.get("status")?.as_str()?, frame, None)
}

/// What the word `status` about an event means; `entry` says the rest. `queued` and
/// `pending` are promises, and unknown words mean nothing: neither settles an event,
/// it is sent again later.
fn answer_of(
    status: &str,
    entry: &Map<String, Value>,
    http_status: Option<u16>,
) -> Option<EventAnswer> {
    let status = status.trim();
    let is = |words: &[&str]| words.iter().any(|word| status.eq_ignore_ascii_case(word));
    if is(&["success", "accepted", "warning"]) {
        Some(EventAnswer::Delivered)
    } else if is(&["duplicate"]) {
        Some(EventAnswer::Duplicate)
    } else if is(&["rejected", "error"]) {
        Some(refused(entry, http_status, None))
    } else {
        None
    }
}

fn refused(
    entry: &Map<String, Value>,
    http_status: Option<u16>,
    words: Option<&str>,
) -> EventAnswer {
    let category = word_of(entry);
    let again = match entry.get("retryable").and_then(Value::as_bool) {
        Some(false) => Again::Never,
        Some(true) => Again::Perhaps,
        None if category.is_some_and(|c| FINAL.contains(&c)) => Again::Never,
        None => Again::Perhaps,
    };
    let message = said(entry).or(words).unwrap_or("refused without a reason");
    let category = category.unwrap_or("rejected").replace('_', "-");
    EventAnswer::Refused {
        again,
        trouble: Trouble::new(&category, message, http_status),
    }
}

/// A 400 refuses the batch as a whole. Details that name events of it refuse
/// those; a page of HTML was not written by the server that we know.
fn bad_request(answer: &Answer, body: Option<&Value>, ids: &[&str]) -> Verdict {
    if answer.end != BodyEnd::Whole || looks_like_html(&answer.body) {
        return Verdict::Transient(unusable(answer));
    }
    let details = body.and_then(|body| body.get("details"));
    // Some servers wrap the list into a text.
    let unwrapped = details
        .and_then(Value::as_str)
        .and_then(|t| serde_json::from_str(t).ok());
    let list = unwrapped.as_ref().or(details).and_then(Value::as_array);
    let top = body.and_then(Value::as_object).and_then(said);
    let mut answers = vec![None; ids.len()];
    for entry in list.into_iter().flatten().filter_map(Value::as_object) {
        let named = entry.get("event_id").and_then(Value::as_str);
        let place = match named {
            Some(id) => ids.iter().position(|known| *known == id),
            None => entry
                .get("index")
                .and_then(Value::as_u64)
                .and_then(|i| i.try_into().ok()),
        };
        if let Some(slot) = place.and_then(|place: usize| answers.get_mut(place)) {
            *slot = Some(refused(entry, Some(400), top));
        }
    }
    if answers.iter().any(Option::is_some) {
        return Verdict::Answers(answers);
    }
    let words = details
        .and_then(Value::as_str)
        .or(top)
        .unwrap_or("refused without a reason");
    Verdict::Unexplained(Trouble::new("rejected", words, Some(400)))
}

/// How long the server asks to wait: the header in seconds or as a date, else
/// the body.
fn wait(answer: &Answer, body: Option<&Value>, now: Timestamp) -> Option<Duration> {
    let header = answer
        .retry_after
        .as_deref()
        .and_then(|text| fields::wait_of_text(text, now));
    header
        .or_else(|| body.and_then(fields::wait_of_body))
        .map(|wait| wait.min(MAX_WAIT))
}

fn whole(category: &str, answer: &Answer) -> Trouble {
    let said = answer.says();
    let said = said.as_deref().unwrap_or("the server gave no reason");
    Trouble::new(category, said, Some(answer.status))
}

fn unusable(answer: &Answer) -> Trouble {
    let what = match answer.end {
        BodyEnd::Cut => "the answer broke off",
        BodyEnd::TooLarge => "the answer is too large",
        BodyEnd::Whole if answer.body.trim_ascii().is_empty() => "the answer is empty",
        BodyEnd::Whole if looks_like_html(&answer.body) => {
            "the answer is a web page: something stands between here and the server"
        }
        BodyEnd::Whole => "the answer is not understood",
    };
    Trouble::new("unusable-answer", what, Some(answer.status))
}

fn redirect(answer: &Answer) -> Trouble {
    let to = answer.location.as_deref().unwrap_or("nowhere");
    let text = format!("the server redirects to {to}; that is never followed");
    Trouble::new("redirect", &text, Some(answer.status))
}

fn looks_like_html(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests;
