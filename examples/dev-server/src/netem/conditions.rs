//! [`Conditions`]: loss, duplication, delay and corruption of datagrams.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::percent::{Percent, PercentError};
use crate::rng::Rng;

/// The network conditions of datagrams in one direction. Default: every datagram arrives at once,
/// unchanged.
///
/// The text consists of `KEY=VALUE` words in any order; a missing key stands for its default:
///
/// ```
/// use dev_server::netem::{Conditions, Percent};
///
/// let conditions: Conditions = "loss=20 duplicate=5 delay=80 jitter=30 corrupt=0.5".parse()?;
/// assert_eq!((conditions.loss, conditions.delay_ms), (Percent::new(20), 80));
/// assert_eq!("off".parse(), Ok(Conditions::default()));
/// # Ok::<(), dev_server::netem::ConditionsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// The share of datagrams that never arrive.
    pub loss: Percent,
    /// The share of the other datagrams that arrive twice, each copy after its own delay.
    pub duplicate: Percent,
    /// The delay of each datagram, in milliseconds.
    pub delay_ms: u64,
    /// The maximum additional delay of each datagram, in milliseconds. It lets datagrams overtake
    /// each other.
    pub jitter_ms: u64,
    /// The share of arriving datagrams in which one bit is flipped.
    pub corrupt: Percent,
}

/// The fate of one copy of a datagram that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The delay, in microseconds.
    pub delay_micros: u64,
    /// The bit that is flipped, counted from the highest bit of the first byte.
    pub flipped_bit: Option<usize>,
}

/// The error of parsing [`Conditions`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionsError {
    /// A word is not of the form `KEY=VALUE`, or its key is unknown.
    #[error(
        "{0:?} is not a condition: write loss=PERCENT, duplicate=PERCENT, delay=MS, jitter=MS, corrupt=PERCENT, or off"
    )]
    Word(String),
    /// The value is not a percentage.
    #[error("{key}: {error}")]
    Percent {
        /// The key.
        key: &'static str,
        /// The error of the value.
        error: PercentError,
    },
    /// The value is not a number of milliseconds.
    #[error("{key}: {value:?} is not a number of milliseconds: write a whole number, e.g. 80")]
    Millis {
        /// The key.
        key: &'static str,
        /// The rejected value.
        value: String,
    },
}

impl Conditions {
    /// Whether every datagram arrives at once, unchanged.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Draws the fate of one datagram of this length: no copy, one copy, or two.
    pub fn pass(&self, rng: &mut Rng, length_bytes: usize) -> [Option<Fate>; 2] {
        if self.loss.happens(rng) {
            return [None, None];
        }
        let first = Some(self.fate(rng, length_bytes));
        let second = self
            .duplicate
            .happens(rng)
            .then(|| self.fate(rng, length_bytes));
        [first, second]
    }

    fn fate(&self, rng: &mut Rng, length_bytes: usize) -> Fate {
        let longer = match self.jitter_ms {
            0 => 0,
            jitter => rng.below(jitter.saturating_mul(1000).saturating_add(1)),
        };
        let bits = length_bytes.saturating_mul(8);
        let flipped_bit = (bits > 0 && self.corrupt.happens(rng))
            .then(|| usize::try_from(rng.below(bits as u64)).unwrap_or_default());
        Fate {
            delay_micros: self.delay_ms.saturating_mul(1000).saturating_add(longer),
            flipped_bit,
        }
    }
}

impl Fate {
    /// Returns the bytes of this copy.
    #[must_use]
    pub fn copy(&self, datagram: &[u8]) -> Vec<u8> {
        let mut bytes = datagram.to_vec();
        if let Some(bit) = self.flipped_bit
            && let Some(byte) = bytes.get_mut(bit / 8)
        {
            *byte ^= 0x80 >> (bit % 8);
        }
        bytes
    }
}

impl FromStr for Conditions {
    type Err = ConditionsError;

    fn from_str(text: &str) -> Result<Self, ConditionsError> {
        let mut conditions = Self::default();
        if text.trim() == "off" {
            return Ok(conditions);
        }
        for word in text.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
            let wrong = || ConditionsError::Word(word.to_owned());
            let (key, value) = word.split_once('=').ok_or_else(wrong)?;
            match key {
                "loss" => conditions.loss = percent("loss", value)?,
                "duplicate" => conditions.duplicate = percent("duplicate", value)?,
                "delay" => conditions.delay_ms = millis("delay", value)?,
                "jitter" => conditions.jitter_ms = millis("jitter", value)?,
                "corrupt" => conditions.corrupt = percent("corrupt", value)?,
                _ => return Err(wrong()),
            }
        }
        Ok(conditions)
    }
}

fn percent(key: &'static str, value: &str) -> Result<Percent, ConditionsError> {
    value
        .parse()
        .map_err(|error| ConditionsError::Percent { key, error })
}

fn millis(key: &'static str, value: &str) -> Result<u64, ConditionsError> {
    value.parse().map_err(|_| ConditionsError::Millis {
        key,
        value: value.to_owned(),
    })
}

impl Display for Conditions {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            loss,
            duplicate,
            delay_ms,
            jitter_ms,
            corrupt,
        } = self;
        write!(
            out,
            "loss={loss} duplicate={duplicate} delay={delay_ms} jitter={jitter_ms} corrupt={corrupt}"
        )
    }
}
