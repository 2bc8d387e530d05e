//! Facts about an event in the one byte that its header has for them.

use serde::Serialize;

/// Yes-or-no facts about an event. Bits that are not known are kept.
///
/// ```
/// use spec_kitty::event::Flags;
///
/// let flags = Flags::default().with_opted_out(true).with_attempts(2);
/// assert!(flags.opted_out()); // stays on this machine
/// assert_eq!(flags.attempts(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Flags(pub(super) u8);

impl Flags {
    const OPTED_OUT: u8 = 1;
    const ATTEMPTS_SHIFT: u8 = 3;
    const OTHERS: u8 = (1 << Self::ATTEMPTS_SHIFT) - 1;

    /// The most refusals that are remembered; it stands for more as well.
    pub const MAX_ATTEMPTS: u8 = u8::MAX >> Self::ATTEMPTS_SHIFT;

    /// The same flags, with the opt-out set or cleared.
    #[must_use]
    pub const fn with_opted_out(self, opted_out: bool) -> Self {
        if opted_out {
            Self(self.0 | Self::OPTED_OUT)
        } else {
            Self(self.0 & !Self::OPTED_OUT)
        }
    }

    /// The same flags, of an event that a server refused so often before it
    /// was imported.
    #[must_use]
    pub fn with_attempts(self, attempts: u32) -> Self {
        let attempts =
            u8::try_from(attempts).map_or(Self::MAX_ATTEMPTS, |n| n.min(Self::MAX_ATTEMPTS));
        Self(self.0 & Self::OTHERS | attempts << Self::ATTEMPTS_SHIFT)
    }

    /// How often a server refused the event before it was imported, at most
    /// [`Flags::MAX_ATTEMPTS`].
    #[must_use]
    pub fn attempts(self) -> u32 {
        u32::from(self.0 >> Self::ATTEMPTS_SHIFT)
    }

    /// Whether the project had opted out: the event is never sent.
    #[must_use]
    pub const fn opted_out(self) -> bool {
        self.0 & Self::OPTED_OUT != 0
    }
}
