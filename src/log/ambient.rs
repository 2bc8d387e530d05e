//! Wall-clock time and randomness, the two other things a simulator replaces.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the log takes time and randomness from.
///
/// ```
/// use spec_kitty::log::ambient::Ambient;
///
/// /// Always the same moment, and never by chance: for a test.
/// #[derive(Debug)]
/// struct Still;
///
/// impl Ambient for Still {
///     fn now_us(&self) -> i64 {
///         1_795_342_293_000_000
///     }
///
///     fn random(&self) -> [u8; 16] {
///         [7; 16]
///     }
/// }
/// assert_eq!(Still.random(), Still.random());
/// ```
pub trait Ambient: fmt::Debug + Send + Sync {
    /// Microseconds since 1970. Information only: nothing is ordered by it.
    fn now_us(&self) -> i64;

    /// Sixteen bytes that nobody can guess.
    fn random(&self) -> [u8; 16];
}

/// The clock and the random numbers of the operating system.
///
/// ```
/// use spec_kitty::log::ambient::{Ambient, System};
///
/// assert_ne!(System.random(), System.random());
/// assert!(System.now_us() > 1_700_000_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Ambient for System {
    fn now_us(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn random(&self) -> [u8; 16] {
        uuid::Uuid::new_v4().into_bytes()
    }
}
