//! [`Percent`]: a probability.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use crate::rng::Rng;

/// One percent in thousandths.
const ONE: u32 = 1000;

/// A probability from 0 to 100 percent, in thousandths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

/// The error of parsing a [`Percent`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a percentage: write a number from 0 to 100 with at most three decimals, e.g. 20 or 0.5"
)]
pub struct PercentError(String);

impl Percent {
    /// Never.
    pub const ZERO: Self = Self(0);
    /// Always.
    pub const ALWAYS: Self = Self::new(100);
    /// The form of a percentage in help texts.
    pub const FORM: &'static str = "PERCENT (0 to 100)";

    /// Returns this percentage; more than 100 count as 100.
    #[must_use]
    pub const fn new(percent: u32) -> Self {
        Self::from_thousandths(percent.saturating_mul(ONE))
    }

    /// Returns these thousandths of a percent; more than 100 percent count as 100.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Self {
        Self(if thousandths > 100 * ONE {
            100 * ONE
        } else {
            thousandths
        })
    }

    /// Returns the probability in thousandths of a percent.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// Decides whether it happens this time. A probability of zero draws no number, so that unused
    /// conditions do not change the random numbers of a run.
    pub const fn happens(self, rng: &mut Rng) -> bool {
        self.0 > 0 && rng.below(100 * ONE as u64) < self.0 as u64
    }
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let wrong = || PercentError(text.to_owned());
        let number = text.trim().strip_suffix('%').unwrap_or(text).trim();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 3 {
            return Err(wrong());
        }
        let thousandths = format!("{decimals:0<3}")
            .parse::<u32>()
            .map_err(|_| wrong())?;
        let whole = whole.parse::<u32>().map_err(|_| wrong())?;
        let all = whole
            .checked_mul(ONE)
            .and_then(|whole| whole.checked_add(thousandths))
            .ok_or_else(wrong)?;
        if all > 100 * ONE {
            Err(wrong())
        } else {
            Ok(Self(all))
        }
    }
}

impl Display for Percent {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (whole, thousandths) = (self.0 / ONE, self.0 % ONE);
        if thousandths == 0 {
            return write!(out, "{whole}");
        }
        let decimals = format!("{thousandths:03}");
        write!(out, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}
