//! The fields of an answer that have several names, and times in all forms.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sync::chunk::ChunkLimits;

/// The first of `keys` that holds a text with something in it.
fn text<'a>(value: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a str> {
    let texts = keys.iter().filter_map(|key| value.get(*key)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

/// The server's words about an event or a request.
pub(super) fn said(value: &Map<String, Value>) -> Option<&str> {
    text(
        value,
        &[
            "error_message",
            "error",
            "reason",
            "detail",
            "error_description",
            "message",
        ],
    )
}

/// The server's word for a class of refusals, when it is a plain word.
pub(super) fn word_of(value: &Map<String, Value>) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text(value, &["error_category", "category", "code"])
        .filter(|word| word.len() <= 32 && word.chars().all(plain))
}

/// The limits that a server advertises; what is not positive is no limit.
pub(super) fn limits(body: &Value) -> Option<ChunkLimits> {
    let limits = body.get("limits")?;
    let number = |key: &str| {
        let number = limits.get(key)?.as_u64()?;
        usize::try_from(number).ok().filter(|number| *number > 0)
    };
    let events = number("max_events_per_batch");
    let bytes = number("max_decompressed_bytes_per_batch");
    if events.is_none() && bytes.is_none() {
        return None;
    }
    Some(ChunkLimits {
        events: events.unwrap_or(usize::MAX),
        bytes: bytes.unwrap_or(usize::MAX),
    })
}

/// The highest clock value in a body and in its lists.
pub(super) fn clock(body: &Value) -> Option<u64> {
    let body = body.as_object()?;
    let lists = ["results", "details"].into_iter();
    let entries = lists.filter_map(|key| body.get(key)?.as_array()).flatten();
    let entries = entries.filter_map(Value::as_object);
    clock_here(body).max(entries.filter_map(clock_here).max())
}

/// The higher of the clock values that an object has itself.
pub(super) fn clock_here(object: &Map<String, Value>) -> Option<u64> {
    let keys = ["server_clock", "lamport_clock"];
    keys.iter()
        .filter_map(|key| object.get(*key)?.as_u64())
        .max()
}

/// `Retry-After`: whole seconds, or a date.
pub(super) fn wait_of_text(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// The wait in a body: a number or a text of seconds.
pub(super) fn wait_of_body(body: &Value) -> Option<Duration> {
    let keys = ["retry_after_seconds", "retry_after"];
    let value = keys
        .iter()
        .find_map(|key| body.get(*key).filter(|value| !value.is_null()))?;
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}
