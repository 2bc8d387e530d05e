//! What a server says to a batch. Input: a byte of flags (1: the connection
//! broke, 2: the body was too large), the status (2 bytes), the length of the
//! `Retry-After` header (1 byte), the header, the body.
//!
//! Promised: no panic; there is an answer for each event that was sent and for
//! no other; a body that is not whole settles nothing; no wait is longer than
//! a day; what is kept of the server's words is bounded.

use jiff::Timestamp;
use spec_kitty::auth::http::{Answer, BodyEnd};
use spec_kitty::state::Trouble;
use spec_kitty::sync::outcome::{EventAnswer, MAX_WAIT, Verdict, judge};

use super::input::Input;

const IDS: [&str; 3] = [
    "01KGHD00000000000000000001",
    "01KGHD00000000000000000002",
    "not-a-ulid",
];

/// Judges the answer and holds the verdict to the promises.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let end = match input.byte() & 3 {
        0 => BodyEnd::Whole,
        1 => BodyEnd::Cut,
        _ => BodyEnd::TooLarge,
    };
    let status = input.u16() % 1000;
    let length = usize::from(input.byte());
    let retry_after = input.take(length);
    let retry_after = String::from_utf8_lossy(retry_after).into_owned();
    let answer = Answer {
        status,
        retry_after: (length > 0).then_some(retry_after),
        location: None,
        body: input.0.to_vec(),
        end,
    };
    let now = Timestamp::UNIX_EPOCH;
    let verdict = judge(&answer, &IDS, now);
    assert_eq!(
        verdict,
        judge(&answer, &IDS, now),
        "the same answer judged differently"
    );
    check(&verdict, end);
}

fn check(verdict: &Verdict, end: BodyEnd) {
    match verdict {
        Verdict::Answers(answers) => {
            assert_eq!(end, BodyEnd::Whole, "a broken body settles events");
            assert_eq!(answers.len(), IDS.len());
            for answer in answers.iter().flatten() {
                if let EventAnswer::Refused { trouble, .. } = answer {
                    check_trouble(trouble);
                }
            }
        }
        Verdict::Wait { wait, trouble } => {
            assert!(*wait <= MAX_WAIT, "a wait of {wait:?}");
            check_trouble(trouble);
        }
        Verdict::TooLarge { limits, trouble } => {
            assert!(limits.is_none_or(|limits| limits.events > 0 && limits.bytes > 0));
            check_trouble(trouble);
        }
        Verdict::Unauthorized(trouble)
        | Verdict::Unexplained(trouble)
        | Verdict::Transient(trouble)
        | Verdict::Halt(trouble) => check_trouble(trouble),
    }
}

pub(super) fn check_trouble(trouble: &Trouble) {
    assert!(!trouble.category().is_empty() && trouble.category().len() <= 32);
    assert!(trouble.message().len() <= 1024);
}
