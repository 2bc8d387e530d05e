//! What is kept of final segments: of one by itself, or of many in a row together.
//!
//! A look at a long log would take its time if the counts of each segment were
//! unpacked, compared with the ledger and added up one by one. So where many in a
//! row are known they are kept as one: what must be known of each file to believe
//! its count, their counts added up, and the counts of each, packed, for a look
//! that cannot do with the sum: one of the files is not what it was, or a cursor
//! lies among the events.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::log::walk::Sealed;
use crate::platform::Stamp;
use crate::position::{Ordinal, Seq};
use crate::state::codec;
use crate::sync::tally::{Part, joined};

/// All that is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Known<K> {
    /// The files of the log, as long as its directory has this stamp.
    pub(super) listed: Option<(Vec<Ordinal>, Stamp)>,
    /// What was counted, of the oldest segments first.
    pub(super) kept: Vec<K>,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self {
            listed: None,
            kept: Vec::new(),
        }
    }
}

/// So many in a row are kept as one.
const TOGETHER: usize = if cfg!(test) { 3 } else { 64 };

/// One segment, or several in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(with = "as_bytes")]
    seals: Arc<Vec<Sealed>>,
    /// What was counted in all of them.
    pub(super) parts: Vec<Part>,
    /// What was counted in each of several.
    each: Packed,
    /// How much there is to keep.
    entries: u64,
}

/// Bytes that are copied as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Packed(Vec<u8>);

impl Kept {
    /// One segment.
    pub(super) fn one(sealed: Sealed, parts: Vec<Part>) -> Self {
        let entries = parts.iter().map(Part::entries).sum::<usize>();
        Self {
            seals: Arc::new(vec![sealed]),
            parts,
            each: Packed::default(),
            entries: u64::try_from(entries).unwrap_or(u64::MAX).saturating_add(1),
        }
    }

    /// Several in a row as one.
    fn together(run: &[&Self]) -> Option<Self> {
        let each: Vec<&[Part]> = run.iter().map(|one| one.parts.as_slice()).collect();
        Some(Self {
            seals: Arc::new(
                run.iter()
                    .flat_map(|one| one.seals.iter())
                    .copied()
                    .collect(),
            ),
            parts: joined(each.concat()),
            each: Packed(codec::encode(&each).ok()?),
            entries: run.iter().map(|one| one.entries).sum(),
        })
    }

    /// The segments.
    pub(super) fn seals(&self) -> &Arc<Vec<Sealed>> {
        &self.seals
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<Ordinal> {
        self.seals.first().map(Sealed::ordinal)
    }

    /// The last of them.
    pub(super) fn last(&self) -> Option<Ordinal> {
        self.seals.last().map(Sealed::ordinal)
    }

    /// The first and last number.
    pub(super) fn seqs(&self) -> Option<(Seq, Seq)> {
        let (first, last) = (self.seals.first()?, self.seals.last()?);
        Some((first.first_seq(), last.last_seq()))
    }

    /// How much there is to keep.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Each of several by itself; `None` when there is one only.
    pub(super) fn apart(&self) -> Option<Vec<Self>> {
        if self.seals.len() < 2 {
            return None;
        }
        let each: Vec<Vec<Part>> = codec::decode(&self.each.0).ok()?;
        if each.len() != self.seals.len() {
            return None;
        }
        let pairs = self.seals.iter().zip(each);
        Some(pairs.map(|(seal, parts)| Self::one(*seal, parts)).collect())
    }

    /// Each by itself, and whether together they make what is kept of all.
    pub(super) fn checked(self) -> (Vec<Self>, bool) {
        let Some(each) = self.apart() else {
            let is_one = self.seals.len() == 1;
            return (vec![self], is_one);
        };
        let refs: Vec<&Self> = each.iter().collect();
        let is_sum = Self::together(&refs).as_ref() == Some(&self);
        (each, is_sum)
    }
}

/// The same with as many as possible together. The newest stay by themselves
/// until they are enough.
pub(super) fn gathered(kept: Vec<&Kept>) -> Vec<Cow<'_, Kept>> {
    let is_one = |kept: &&Kept| kept.seals.len() == 1;
    let mut gathered = Vec::new();
    let mut rest = kept.as_slice();
    while let Some(next) = rest.first() {
        let ones = rest.iter().take_while(|kept| is_one(kept)).count();
        let run = ones.min(TOGETHER);
        // A remainder in the midst was left by segments that were counted anew.
        let is_last = ones == rest.len();
        let enough = if is_last { TOGETHER } else { 2 };
        let several = rest.get(..run).filter(|run| run.len() >= enough);
        let (units, taken) = match several.and_then(Kept::together) {
            Some(unit) => (vec![Cow::Owned(unit)], run),
            None => (vec![Cow::Borrowed(*next)], 1),
        };
        gathered.extend(units);
        rest = rest.get(taken..).unwrap_or_default();
    }
    gathered
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes(|bytes: &[u8]| Some(Self(bytes.to_vec()))))
    }
}

/// Segments as bytes: read one field after another they would take most of the
/// time of a look at a long log.
mod as_bytes {
    use std::sync::Arc;

    use serde::{Deserializer, Serializer};

    use super::{Bytes, Sealed};

    pub(super) fn serialize<S: Serializer>(
        seals: &[Sealed],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = seals.iter().flat_map(Sealed::to_bytes).collect();
        serializer.serialize_bytes(&bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Vec<Sealed>>, D::Error> {
        deserializer.deserialize_bytes(Bytes(|bytes: &[u8]| {
            let (seals, rest) = bytes.as_chunks();
            let seals: Option<Vec<_>> = seals.iter().map(Sealed::from_bytes).collect();
            seals.filter(|_| rest.is_empty()).map(Arc::new)
        }))
    }
}

/// Makes something of bytes where they lie.
struct Bytes<F>(F);

impl<T, F: FnOnce(&[u8]) -> Option<T>> Visitor<'_> for Bytes<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<T, E> {
        (self.0)(bytes).ok_or_else(|| E::custom("not so many segments"))
    }
}
