//! JSON tokens, right and wrong, to put into events.

use proptest::prelude::*;
use serde_json::Value;

pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Tokens that are right somewhere and odd everywhere else.
const ODD: &[&str] = &[
    "null",
    "true",
    "0",
    "1",
    "-1",
    "7",
    "0.5",
    "1.0",
    "1e2",
    "-0",
    "1e999",
    "-1e-999",
    "01",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "NaN",
    "Infinity",
    "\"\"",
    "[]",
    "{}",
    "[1]",
    "[\"WP01\"]",
    "[\"WP01\",\"WP1\"]",
    "[\"WP01\",null]",
    "{\"wp_id\":\"WP01\"}",
    "\"WP٠١\"",
    "\"WP01\\n\"",
    "\" WP01\"",
    "\"wp01\"",
    "\"W\\u005001\"",
    "\"028\\n\"",
    "\"٠٢٨\"",
    "\"028-\"",
    "\"028-é\"",
    "\"\\ud83d\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ude00\"",
    "[\"\\udc00\"]",
    "{\"\\udc00\":1}",
    "\"\u{7f}\"",
    "\"\t\"",
    "\"8ZZZZZZZZZZZZZZZZZZZZZZZZZ\"",
    "\"7ZZZZZZZZZZZZZZZZZZZZZZZZZ\"",
    "\"01m81btpp6ps3r3g0d5wc0xv38\"",
    "\"01M81BTPP6PS3R3G0D5WC0XV3\\u0038\"",
    "\"2016-12-31T23:59:60+00:00\"",
    "\"2016-12-31T22:59:60-01:00\"",
    "\"2016-12-31T23:59:60-01:00\"",
    "\"2016-12-31T23:59:61Z\"",
    "\"2026-02-29T00:00:00Z\"",
    "\"2024-02-29T00:00:00Z\"",
    "\"2026-11-22T24:00:00Z\"",
    "\"2026-11-22T10:60:00Z\"",
    "\"2026-11-22T10:00:00+23:59\"",
    "\"2026-11-22T10:00:00-24:00\"",
    "\"2026-11-22T10:00:00+00:60\"",
    "\"2026-11-22T10:00:00+0000\"",
    "\"2026-11-22T10:00:00.Z\"",
    "\"2026-11-22T10:00:00.1\"",
    "\"2026-11-22T10:00:00\"",
    "\"2026-11-22 10:00:00Z\"",
    "\"2026-11-22\"",
    "\"028\"",
    "\"0281\"",
    "\"028-x\"",
    "\"028-X\"",
    "\"28-x\"",
    "\"028_x\"",
    "\"WP01\"",
    "\"WP001\"",
    "\"WP0x\"",
    "[\"WP01\",\"\"]",
];

/// Tokens that are right somewhere, nearly right, wrong, or no JSON at all.
pub(crate) fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(ODD).prop_map(str::to_owned),
        2 => prop::sample::select(EVERY_WORD).prop_map(quoted),
        1 => "\"WP[0-9]{1,3}\"",
        1 => "\"[0-9]{2,4}-?[a-zA-Z0-9-]{0,4}\"",
        1 => "\"[0-9A-Za-z]{25,27}\"",
        1 => "\"[0-9A-HJKMNP-TV-Z]{26}\"",
        4 => near_date_time(),
        1 => any::<String>().prop_map(|text| quoted(&text)),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| format!("{number:e}")),
        1 => (0..140_usize).prop_map(|deep| format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
    ]
}

fn near_date_time() -> impl Strategy<Value = String> {
    let day = "[0-9]{2}(00|04|23|24)-(0[0-9]|1[0-3])-(0[0-9]|28|29|3[0-2])";
    let time = "(0[0-9]|1[0-9]|2[0-5]):(00|5[0-9]|60):(00|59|60|61)";
    let zone = "(\\.[0-9]{0,9})?([Zz]|[+-](0[0-9]|2[2-5]):(00|30|59|60))?";
    (day, "[Tt_ ]", time, zone).prop_map(|(day, t, time, zone)| format!("\"{day}{t}{time}{zone}\""))
}

const EVERY_WORD: &[&str] = &[
    "WPStatusChanged",
    "WPCreated",
    "WPAssigned",
    "FeatureCreated",
    "FeatureCompleted",
    "HistoryAdded",
    "ErrorLogged",
    "DependencyResolved",
    "WorkPackage",
    "Feature",
    "planned",
    "doing",
    "for_review",
    "done",
    "note",
    "review",
    "error",
    "comment",
    "implementation",
    "validation",
    "runtime",
    "network",
    "auth",
    "unknown",
    "completed",
    "skipped",
    "merged",
    "in_progress",
    "Planned",
    "done ",
    "",
];

/// Every odd token and every word of the schema.
pub(crate) fn odd_tokens() -> Vec<String> {
    let odd = ODD.iter().map(|token| (*token).to_owned());
    odd.chain(EVERY_WORD.iter().map(|word| quoted(word)))
        .collect()
}
